// What `submit` shows of the sweeps that it was at: where their jobs are, and what the runs are
// worth.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "client/commands/result_options.h"
#include "client/commands/sweep.h"
#include "client/commands/sweep_plan.h"
#include "client/store/store.h"

namespace synergy {

struct SweepReportOptions {
  ResultOptions result = {};
  bool waited = false;  // for the jobs' ends: only then runs are judged
  bool json = false;
};

// On stdout. kFailedCheck where a job failed, was cancelled, or its run is not good.
absl::Status PresentSweeps(const SweepReportOptions& options, const SweepPlan& plan,
                           const std::vector<const Sweep*>& sweeps, Store& store);

}  // namespace synergy
