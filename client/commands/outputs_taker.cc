#include "client/commands/outputs_taker.h"

#include <functional>
#include <string_view>

#include "client/commands/exit_code.h"
#include "client/commands/output_files.h"

namespace synergy {

absl::Status OutputsTaker::Take(const StoredRun& run) {
  if (files_.empty() || run.state != v1::JOB_STATE_DONE) return absl::OkStatus();
  const absl::StatusOr<std::vector<std::string>> notes =
      FetchOutputFiles(files_, [&](const std::function<absl::Status(std::string_view)>& on_part) {
        const absl::Status status = source_.Outputs(run.run_id, on_part, stop_);
        return status.ok() ? status : FromDevice(status);
      });
  result_ = notes.status();
  if (notes.ok()) notes_ = *notes;
  return result_;
}

absl::Status OutputsTaker::Report() const {
  for (const std::string& note : notes_) PrintNote(note);
  return result_;
}

}  // namespace synergy
