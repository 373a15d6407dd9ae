// Which stored run the user means.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/store/store.h"

namespace synergy {

// `text` is "last" (the newest), a short number, a run id, a tag or the beginning of a run id.
// NotFound with what there is, InvalidArgument where several runs have the tag or begin so. Pure.
absl::StatusOr<StoredRun> ResolveRun(const std::vector<StoredRun>& runs, std::string_view text);

// All that have the tag, by number.
std::vector<StoredRun> RunsWithTag(const std::vector<StoredRun>& runs, std::string_view tag);

// How the error of a run begins whose board has evicted the rest of it.
inline constexpr std::string_view kEvicted = "evicted from the board";
inline bool IsEvicted(const StoredRun& run) {
  return run.abandoned && run.error.starts_with(kEvicted);
}

// What a board has and has had of jobs.
struct BoardJobs {
  std::string board_id;
  std::vector<v1::JobStatus> jobs = {};
  std::vector<v1::EvictedRun> evicted = {};
};

// The job on a board that the user means: by what ResolveRun takes for the runs of this board in
// the store, or by the id of a job that the store does not have. FailedPrecondition where it has
// ended or is no longer on the board, and why; else errors as ResolveRun. Pure.
absl::StatusOr<v1::JobStatus> ResolveJob(const BoardJobs& board,
                                         const std::vector<StoredRun>& stored,
                                         std::string_view text);

// The same of jobs that have ended as well.
absl::StatusOr<v1::JobStatus> ResolveBoardJob(const BoardJobs& board,
                                              const std::vector<StoredRun>& stored,
                                              std::string_view text);

// Why the board has it no longer, beginning with kEvicted; "": it is not among them.
std::string WhyEvicted(std::span<const v1::EvictedRun> evicted, std::string_view run_id);

}  // namespace synergy
