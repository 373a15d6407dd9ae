// Which CPUs a job gets and which the daemon keeps to meanwhile.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace synergy {

struct CorePlan {
  std::vector<int> job;  // empty, both: the job needs every CPU, so all are shared
  std::vector<int> daemon;
};

// The last `threads` of `available` are the job's where one at least is left for the daemon:
// interrupts and the system's own work lie on the first ones more often.
CorePlan PlanCores(const std::vector<int>& available, uint32_t threads);

// CPUs that the calling thread may use, ascending.
std::vector<int> AvailableCpus();

// Binds every thread of a process to `cpus`; threads that they start later inherit it.
absl::Status PinProcess(pid_t pid, const std::vector<int>& cpus);

}  // namespace synergy
