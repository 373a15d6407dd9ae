#include "daemon/counters/perf_kernel.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace synergy {
namespace {

class LinuxPerf final : public PerfKernel {
 public:
  UniqueFd Open(const EventCode& event, pid_t thread, int leader) override {
    perf_event_attr attributes = {};
    attributes.size = sizeof(attributes);
    attributes.type = event.type;
    attributes.config = event.config;
    attributes.config1 = event.config1;
    attributes.config2 = event.config2;
    attributes.read_format =
        PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    attributes.disabled = leader < 0;
    attributes.exclude_kernel = !event.in_kernel;
    attributes.exclude_hv = 1;
    // There is no wrapper in libc.
    return UniqueFd(static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, thread, -1, leader, PERF_FLAG_FD_CLOEXEC)));
  }

  bool Runs(int leader) override {
    ioctl(leader, PERF_EVENT_IOC_ENABLE, 0);
    uint64_t group[64] = {};  // how many, enabled, running, then values
    const ssize_t size = read(leader, group, sizeof(group));
    ioctl(leader, PERF_EVENT_IOC_DISABLE, 0);
    return size > 0 && group[1] > 0 && group[2] == group[1];
  }
};

}  // namespace

PerfKernel& RealPerfKernel() {
  static LinuxPerf kernel;
  return kernel;
}

PerfRefusal ExplainPerfError(const std::string& event, int error, const std::string& paranoid) {
  switch (error) {
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
      return {fmt::format("{} cannot be counted: this kernel sees no such counter in the "
                          "processor, as in most virtual machines",
                          event),
              "give the virtual machine a PMU, or measure on the board itself; power is measured "
              "without"};
    case EACCES:
    case EPERM:
      return {
          fmt::format("{} may not be counted (kernel.perf_event_paranoid is {})", event, paranoid),
          "sudo sysctl kernel.perf_event_paranoid=1, or start synergyd as root; in a container "
          "also --cap-add PERFMON and a seccomp profile that has perf_event_open"};
    case EINVAL:
      return {fmt::format("{} cannot be counted of a thread: this processor has no such event, or "
                          "its unit counts the whole machine",
                          event),
              "choose another event"};
    case ENOSYS:
      return {fmt::format("{} cannot be counted: this kernel has no perf_event_open", event),
              "boot a kernel with CONFIG_PERF_EVENTS"};
    default:
      return {fmt::format("{} cannot be counted: {}", event, std::strerror(error)),
              error == EBUSY ? "end what uses the counters (perf, a watchdog)" : ""};
  }
}

}  // namespace synergy
