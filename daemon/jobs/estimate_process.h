// synergy-estimate at work: how well the energies of a run's operators are known so far.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/child_process.h"
#include "common/unique_fd.h"
#include "daemon/jobs/service_users.h"
#include "synergy/v1/estimate.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

struct EstimateSpec {
  std::string launcher;         // path of synergy-launcher
  std::string executable;       // path of synergy-estimate
  std::optional<UserIds> user;  // set where this process is root
  std::vector<int> cpus;        // that it may use; empty: all
};

// Thread-compatible; started by a thread that outlives it. Ends with this object.
class EstimateProcess {
 public:
  // Of the run whose spool this is.
  static absl::StatusOr<std::unique_ptr<EstimateProcess>> Start(const EstimateSpec& spec,
                                                                int spool_fd);

  // Nothing while it computes. Then once what it said; an error: it could not, or died.
  std::optional<absl::StatusOr<v1::RunEstimate>> TryTake();

 private:
  EstimateProcess(std::unique_ptr<ChildProcess> child, UniqueFd pipe)
      : child_(std::move(child)), pipe_(std::move(pipe)) {}
  absl::StatusOr<v1::RunEstimate> Read();

  std::unique_ptr<ChildProcess> child_;
  UniqueFd pipe_;
};

// The widest interval among `rails`, as JobSpec.precision says; `iterations` and `time_s` are left
// to the caller. A rail that is not known, or is missing, makes the whole unknown.
v1::MeasuredBlock WidestOf(const v1::RunEstimate& estimate, const std::vector<std::string>& rails);

}  // namespace synergy
