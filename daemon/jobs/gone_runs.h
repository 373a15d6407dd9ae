// What is remembered of runs that are no longer on the device: that a job ran already, by its
// token, and which records were evicted (STATE/gone.pb).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "synergy/v1/stored_job.pb.h"

namespace synergy {

// Thread-compatible.
class GoneRuns {
 public:
  static constexpr int kRemembered = 1000;
  static constexpr int kEvictedShown = 100;

  // Reads what is there. A file that cannot be read is logged and begun anew.
  explicit GoneRuns(std::string path);

  // Remembers the run of a job that is about to be deleted, at the cost of the oldest one. An error
  // says that this is not on the disk: one that is evicted is not remembered then.
  absl::Status Add(const v1::StoredJob& job, bool evicted, uint64_t bytes, bool sync);

  // Its run_id; nothing where no such job is remembered.
  std::optional<std::string> Find(std::string_view owner_id, std::string_view token) const;
  // What became of a run that is not on the device: NotFound in any case.
  absl::Status WhyGone(std::string_view run_id) const;
  std::vector<v1::EvictedRun> Evicted() const;  // the last kEvictedShown, oldest first

 private:
  const std::string path_;
  v1::GoneRuns runs_;
};

}  // namespace synergy
