#include "client/commands/exit_code.h"

#include <fmt/format.h>

#include "absl/strings/cord.h"
#include "absl/types/optional.h"
#include "client/commands/line_prefix.h"
#include "client/commands/output.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

constexpr const char* kPayload = "synergyctl/exit_code";

}  // namespace

absl::Status Ending(ExitCode code, const absl::Status& status) {
  absl::Status ending = status;
  if (!ending.ok() && !ending.GetPayload(kPayload)) {
    ending.SetPayload(kPayload, absl::Cord(std::to_string(static_cast<int>(code))));
  }
  return ending;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kOk;
  if (const absl::optional<absl::Cord> code = status.GetPayload(kPayload)) {
    return static_cast<ExitCode>(std::stoi(std::string(*code)));
  }
  return absl::IsCancelled(status) ? ExitCode::kInterrupted : ExitCode::kRefused;
}

absl::Status FromDevice(const absl::Status& status) {
  const bool reached = !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status);
  if (absl::IsCancelled(status)) return status;
  return Ending(reached ? ExitCode::kRefused : ExitCode::kNotReached, status);
}

void PrintNote(const std::string& text) {
  TakeProgressAway();
  WriteStderr(fmt::format("synergyctl: {}{}\n", LinePrefix::current(), Printable(text)));
}

void PrintError(const absl::Status& status) { PrintNote(std::string(status.message())); }

}  // namespace synergy
