#include <cerrno>
#include <cstring>

#include "common/sysfs.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// What perf_event_open(2) means by it.
void FindError(const std::string& event, int error, const std::string& paranoid,
               Findings& findings) {
  switch (error) {
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
      return findings.Limited(
          fmt::format("{} cannot be counted: this kernel sees no such counter in the processor, as "
                      "in most virtual machines",
                      event),
          "give the virtual machine a PMU, or measure on the board itself; power is measured "
          "without");
    case EACCES:
    case EPERM:
      return findings.Limited(
          fmt::format("{} may not be counted (kernel.perf_event_paranoid is {})", event, paranoid),
          "sudo sysctl kernel.perf_event_paranoid=1, or start synergyd as root; in a container "
          "also --cap-add PERFMON and a seccomp profile that has perf_event_open");
    case ENOSYS:
      return findings.Limited(
          fmt::format("{} cannot be counted: this kernel has no perf_event_open", event),
          "boot a kernel with CONFIG_PERF_EVENTS");
    default:
      return findings.Limited(
          fmt::format("{} cannot be counted: {}", event, strerror(error)),
          error == EBUSY ? "end what uses the counters (perf, a watchdog)" : std::string());
  }
}

}  // namespace

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
      FindError(name, event->error, paranoid, findings);
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
