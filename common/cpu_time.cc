#include "common/cpu_time.h"

#include <ctime>

namespace synergy {
namespace {

Nanoseconds Read(clockid_t clock) {
  timespec used = {};
  clock_gettime(clock, &used);
  return {static_cast<int64_t>(used.tv_sec) * 1'000'000'000 + used.tv_nsec};
}

}  // namespace

Nanoseconds ProcessCpuTime() { return Read(CLOCK_PROCESS_CPUTIME_ID); }
Nanoseconds ThreadCpuTime() { return Read(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace synergy
