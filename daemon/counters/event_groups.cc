#include "daemon/counters/event_groups.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "common/sysfs.h"
#include "fmt/format.h"

namespace synergy {
namespace {

absl::Status Refusal(const NamedEvent& event, int error, const std::string& paranoid) {
  const PerfRefusal why = ExplainPerfError(event.name, error, paranoid);
  const std::string text =
      fmt::format("{}{}{}", why.found, why.remedy.empty() ? "" : ": ", why.remedy);
  return error == EACCES || error == EPERM ? absl::PermissionDeniedError(text)
                                           : absl::FailedPreconditionError(text);
}

// The group that is being tried on the calling thread.
class Trial {
 public:
  explicit Trial(PerfKernel& kernel) : kernel_(kernel) {}

  bool empty() const { return fds_.empty(); }
  // 0: the event is in the group; EBUSY: its counters are somebody else's; else errno.
  int Add(const EventCode& event) {
    UniqueFd fd = kernel_.Open(event, 0, empty() ? -1 : fds_.front().get());
    if (!fd.ok()) return errno;
    const int leader = empty() ? fd.get() : fds_.front().get();
    if (!kernel_.Runs(leader)) return EBUSY;
    fds_.push_back(std::move(fd));
    return 0;
  }
  void Clear() {
    while (!fds_.empty()) fds_.pop_back();  // the leader last
  }

 private:
  PerfKernel& kernel_;
  std::vector<UniqueFd> fds_;
};

}  // namespace

absl::StatusOr<EventGroups> PlanEventGroups(const EventCatalog& catalog,
                                            const std::vector<std::string>& names,
                                            const std::string& paranoid, PerfKernel& kernel) {
  EventGroups groups;
  for (const std::string& name : names) {
    absl::StatusOr<NamedEvent> event = catalog.Find(name);
    if (!event.ok()) return event.status();
    groups.events.push_back(*std::move(event));
  }
  Trial trial(kernel);
  for (const NamedEvent& event : groups.events) {
    int error = trial.Add(event.code);
    if (error != 0 && !trial.empty()) {  // no room beside the others
      trial.Clear();
      error = trial.Add(event.code);
    } else if (error == 0 && !groups.sizes.empty()) {
      ++groups.sizes.back();
      continue;
    }
    if (error != 0) return Refusal(event, error, paranoid);
    groups.sizes.push_back(1);
  }
  return groups;
}

absl::Status CheckEvents(const EventCatalog& catalog, const std::vector<std::string>& names,
                         const std::string& paranoid, PerfKernel& kernel) {
  for (const std::string& name : names) {
    const absl::StatusOr<NamedEvent> event = catalog.Find(name);
    if (absl::IsNotFound(event.status())) {
      return absl::InvalidArgumentError(event.status().message());
    }
    if (!event.ok()) return event.status();
    if (kernel.Open(event->code, 0, -1).ok() || errno == EBUSY) continue;
    return Refusal(*event, errno, paranoid);
  }
  return absl::OkStatus();
}

absl::StatusOr<OpenedEvents> OpenEvents(const EventGroups& groups,
                                        const std::vector<pid_t>& threads,
                                        const std::string& paranoid, PerfKernel& kernel) {
  OpenedEvents opened;
  for (const pid_t thread : threads) {
    std::vector<UniqueFd> of_thread;
    bool ended = false;
    for (size_t group = 0; group < groups.sizes.size() && !ended; ++group) {
      int leader = -1;
      for (uint32_t i = 0; i < groups.sizes[group] && !ended; ++i) {
        const NamedEvent& event = groups.events[of_thread.size()];
        UniqueFd fd = kernel.Open(event.code, thread, leader);
        if (!fd.ok() && errno != ESRCH) return Refusal(event, errno, paranoid);
        ended = !fd.ok();
        if (leader < 0) leader = fd.get();
        of_thread.push_back(std::move(fd));
      }
    }
    if (ended) continue;
    opened.threads.push_back(thread);
    std::ranges::move(of_thread, std::back_inserter(opened.fds));
  }
  return opened;
}

std::vector<pid_t> ThreadsOf(pid_t process) {
  std::vector<pid_t> threads;
  for (const std::string& name : ListSysfs(fmt::format("/proc/{}/task", process))) {
    pid_t id = 0;
    std::from_chars(name.data(), name.data() + name.size(), id);
    if (id > 0) threads.push_back(id);
  }
  return threads;
}

}  // namespace synergy
