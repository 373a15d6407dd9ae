// perf_event_open(2), behind an interface that tests take the place of.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/unique_fd.h"
#include "daemon/counters/event_codes.h"

namespace synergy {

class PerfKernel {
 public:
  virtual ~PerfKernel() = default;
  // Counts the event of a thread (0: of the calling one) on all CPUs, in user mode unless it
  // happens in the kernel. `leader`: of its group, -1: it is one, and does not count before it is
  // enabled. Without a descriptor errno says why.
  virtual UniqueFd Open(const EventCode& event, pid_t thread, int leader) = 0;
  // Whether a group of the calling thread is on the counters as soon as it is enabled: the kernel
  // does not refuse what other users of the counters leave no room for.
  virtual bool Runs(int leader) = 0;
};

PerfKernel& RealPerfKernel();

// What perf_event_open refused, and what mends it.
struct PerfRefusal {
  std::string found;
  std::string remedy;  // may be ""
};
// `paranoid`: the text of kernel.perf_event_paranoid.
PerfRefusal ExplainPerfError(const std::string& event, int error, const std::string& paranoid);

}  // namespace synergy
