#include "client/commands/run_meter.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/submission.h"

namespace synergy {
namespace {

constexpr std::string_view kExec = "exec:";
// In a row: the quickest of them says most.
constexpr uint32_t kTripsAtOnce = 4;

}  // namespace

absl::StatusOr<std::string> MeterCommand(const std::string& option) {
  if (option.starts_with(kExec) && option.size() > kExec.size()) return option.substr(kExec.size());
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format(
                    "--meter: '{}' is no meter: give exec:COMMAND, a program of this host that "
                    "prints a line t_ns,rail,watts for each reading (docs/meters.md)",
                    option)));
}

absl::StatusOr<std::unique_ptr<MeterSession>> StartMeter(const std::string& option, BoardLink& link,
                                                         JobOptions* job) {
  if (option.empty()) return nullptr;
  const absl::StatusOr<std::string> command = MeterCommand(option);
  if (!command.ok()) return command.status();
  absl::StatusOr<std::unique_ptr<MeterSession>> meter =
      MeterSession::Start(*command, PrintNote, RealClock());
  if (!meter.ok()) return Ending(ExitCode::kUsage, meter.status());
  const absl::StatusOr<v1::LoadChirp> chirp = (*meter)->Chirp(static_cast<uint64_t>(UnixNow()));
  if (!chirp.ok()) return Ending(ExitCode::kUsage, chirp.status());
  job->load_chirp = *chirp;
  (*meter)->BeginComparing([&link]() -> absl::StatusOr<std::vector<RoundTrip>> {
    return link.client()->CompareClocks(kTripsAtOnce, RealClock());
  });
  return meter;
}

absl::Status FinishMeter(MeterSession* meter, Store& store) {
  if (meter == nullptr) return absl::OkStatus();
  const absl::Status finished = meter->Finish(store);
  if (finished.ok()) return finished;
  return Ending(
      ExitCode::kPartial,
      absl::Status(finished.code(), fmt::format("the meter's readings are not all stored: {}",
                                                std::string(finished.message()))));
}

}  // namespace synergy
