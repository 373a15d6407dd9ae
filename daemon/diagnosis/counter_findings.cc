#include "common/sysfs.h"
#include "daemon/counters/perf_kernel.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {

void FindCounters(const std::string& machine, const MachineFacts& facts, v1::Diagnosis& diagnosis) {
  Findings findings("counters", diagnosis);
  const std::string paranoid =
      ReadSysfs(machine + "/proc/sys/kernel/perf_event_paranoid").value_or("unknown");
  const std::pair<const char*, const EventCount*> events[] = {
      {"cycles", &facts.cycles}, {"instructions", &facts.instructions}};
  std::vector<std::string> counted;
  for (const auto& [name, event] : events) {
    if (event->error == 0 && event->count > 0) {
      counted.emplace_back(name);
    } else if (event->error == 0) {
      findings.Limited(fmt::format("the counter of {} opens, but stands still", name),
                       "give the virtual machine a working PMU; power is measured without");
    } else {
      const PerfRefusal why = ExplainPerfError(name, event->error, paranoid);
      findings.Limited(why.found, why.remedy);
    }
  }
  if (!counted.empty()) {
    findings.Good(fmt::format("{} can be counted (kernel.perf_event_paranoid is {})",
                              fmt::join(counted, " and "), paranoid));
  }
  const std::vector<std::string> units = ListSysfs(machine + "/sys/bus/event_source/devices");
  findings.Good(units.empty() ? std::string("the kernel names no performance unit")
                              : fmt::format("performance units: {}", fmt::join(units, ", ")));
}

}  // namespace synergy
