// The outputs of a job, taken from its board at its end.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/commands/run_transfer.h"
#include "client/store/store.h"

namespace synergy {

// Brings the outputs while the board still has them; what became of that is said later.
class OutputsTaker {
 public:
  // `files`: the path of each output; none: nothing is taken. `stop`: the user does not want to
  // wait for them.
  OutputsTaker(const std::map<std::string, std::string>& files, RunSource& source,
               std::stop_token stop)
      : files_(files), source_(source), stop_(stop) {}

  absl::Status Take(const StoredRun& run);
  // The user's interrupt is why there are none.
  bool cut_off() const { return absl::IsCancelled(result_); }
  // Says what there is to say; the error of Take.
  absl::Status Report() const;

 private:
  const std::map<std::string, std::string>& files_;
  RunSource& source_;
  const std::stop_token stop_;
  std::vector<std::string> notes_;
  absl::Status result_;
};

}  // namespace synergy
