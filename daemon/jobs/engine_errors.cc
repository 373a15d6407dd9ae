#include "daemon/jobs/engine_errors.h"

#include <sys/wait.h>

#include <csignal>

#include "common/child_process.h"
#include "common/printable.h"
#include "daemon/jobs/operator_text.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr int kNotExecuted = 127;  // how the launcher ends; daemon/worker/launch_error.h
constexpr size_t kMaxTextBytes = 4000;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

absl::Status EngineGone(const EngineEnd& end) {
  std::string text = fmt::format("the engine {} {} {}", end.engine,
                                 end.wait_status.has_value()
                                     ? DescribeWaitStatus(*end.wait_status)
                                     : fmt::format("went silent ({})", Message(end.connection)),
                                 end.where);
  if (!end.last_line.empty()) text += fmt::format("; its last words: {}", end.last_line);
  if (!end.markers.ok()) text += fmt::format("; {}", Message(end.markers));
  const int status = end.wait_status.value_or(0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    text +=
        "; that may be the kernel, out of memory (then try a smaller batch), or somebody's kill";
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotExecuted) {
    text +=
        "; where it was removed or replaced after synergyd's start, install it anew, or name "
        "another with --engine";
  }
  return absl::InternalError(text);
}

absl::Status EngineSaidItFailed(std::string_view engine, const v1::WorkerEvent::Failed& failed,
                                const v1::OperatorTable& operators) {
  std::string text =
      fmt::format("the engine {} failed: {}", engine, Printable(failed.text(), kMaxTextBytes));
  if (failed.in_operator()) {
    text += fmt::format(" (in {})", OperatorText(failed.op_index(), operators));
  }
  return absl::InternalError(text);
}

absl::Status EngineOutOfTurn(std::string_view engine, const v1::WorkerEvent& event,
                             std::string_view instead_of) {
  return absl::DataLossError(
      fmt::format("the engine {} sent event {} where the engine protocol has {}; it is not made "
                  "for this synergyd",
                  engine, static_cast<int>(event.event_case()), instead_of));
}

}  // namespace synergy
