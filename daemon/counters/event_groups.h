// Which events are counted together, and opening them for the threads of an engine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"
#include "daemon/counters/event_catalog.h"
#include "daemon/counters/perf_kernel.h"

namespace synergy {

// Groups one after the other, each as large as the counters take: more events than counters are
// counted by turns.
struct EventGroups {
  std::vector<NamedEvent> events;
  std::vector<uint32_t> sizes;  // of the groups, together all events
};

// Tries each event on the calling thread. Errors say of the first event that cannot be counted why
// not and what to do: NotFound, FailedPrecondition, PermissionDenied.
absl::StatusOr<EventGroups> PlanEventGroups(const EventCatalog& catalog,
                                            const std::vector<std::string>& names,
                                            const std::string& paranoid, PerfKernel& kernel);

// Whether each could be counted, tried alone: what others count now may have ended when it is.
// Errors as above, but InvalidArgument of a name that nobody knows.
absl::Status CheckEvents(const EventCatalog& catalog, const std::vector<std::string>& names,
                         const std::string& paranoid, PerfKernel& kernel);

// What was opened of one process: for each thread the events of all groups, in their order.
struct OpenedEvents {
  std::vector<pid_t> threads;
  std::vector<UniqueFd> fds;
};
// For the threads, but for those that have ended meanwhile.
absl::StatusOr<OpenedEvents> OpenEvents(const EventGroups& groups,
                                        const std::vector<pid_t>& threads,
                                        const std::string& paranoid, PerfKernel& kernel);

// Ids of the threads of a process, ascending; empty where it has ended.
std::vector<pid_t> ThreadsOf(pid_t process);

}  // namespace synergy
