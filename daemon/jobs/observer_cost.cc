#include "daemon/jobs/observer_cost.h"

#include <algorithm>

namespace synergy {
namespace {

// Counts of threads may fall when one ends.
uint64_t Grown(uint64_t before, uint64_t after) { return after - std::min(before, after); }

}  // namespace

v1::ObserverCost CostBetween(const ObserverCounts& before, const ObserverCounts& after) {
  v1::ObserverCost cost;
  cost.set_time_s((after.at - before.at).seconds());
  double cpu_s = after.daemon.cpu_s - before.daemon.cpu_s;
  uint64_t wakeups = Grown(before.daemon.wakeups, after.daemon.wakeups);
  if (after.front) {
    const bool same = before.front && before.front->pid == after.front->pid;
    const ProcessUsage base = same ? *before.front : ProcessUsage{};
    cpu_s += after.front->cpu_s - base.cpu_s;
    wakeups += Grown(base.wakeups, after.front->wakeups);
    cost.set_bytes_sent(Grown(base.bytes_read, after.front->bytes_read));
  }
  cost.set_cpu_s(std::max(cpu_s, 0.0));
  cost.set_wakeups(wakeups);
  cost.set_bus_transfers(Grown(before.transfers, after.transfers));
  cost.set_bytes_written(Grown(before.bytes_written, after.bytes_written));
  return cost;
}

}  // namespace synergy
