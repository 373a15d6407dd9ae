// Runs in the lab's guest: groups of events on this kernel's counters, in turns, around the same
// work each time, as synergyd opens them and an engine reads them.
//
//   count_steps [--user UID] TURNS EVENT...
//
// Prints "groups N", "mapped 0|1" and a line an event: name, group, and the counts of its turns.
// Exit 1 with the reason where they cannot be counted. --user: opens them as that user.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "common/sysfs.h"
#include "daemon/counters/event_groups.h"
#include "daemon/worker/event_counters.h"

namespace synergy {
namespace {

constexpr int kSteps = 100'000;

[[noreturn]] void Fail(const absl::Status& status) {
  fmt::print(stderr, "{}\n", status.ToString());
  std::exit(1);
}

EventCounters Open(const EventGroups& groups, const std::string& paranoid) {
  auto opened = OpenEvents(groups, {gettid()}, paranoid, RealPerfKernel());
  if (!opened.ok()) Fail(opened.status());
  v1::WorkerCommand::Count command;
  command.mutable_group_events()->Assign(groups.sizes.begin(), groups.sizes.end());
  command.add_threads(gettid());
  auto counters = EventCounters::Make(command, std::move(opened->fds), /*of_all_threads=*/false);
  if (!counters.ok()) Fail(counters.status());
  return *std::move(counters);
}

void Count(uint32_t turns, const std::vector<std::string>& names) {
  const std::string paranoid =
      ReadSysfs("/proc/sys/kernel/perf_event_paranoid").value_or("unknown");
  const auto catalog = EventCatalog::Read("", {0, 1, 2, 3});
  if (!catalog.ok()) Fail(catalog.status());
  const auto groups = PlanEventGroups(*catalog, names, paranoid, RealPerfKernel());
  if (!groups.ok()) Fail(groups.status());
  EventCounters counters = Open(*groups, paranoid);
  std::vector<std::vector<uint64_t>> counts(names.size());
  for (uint32_t turn = 0; turn < turns; ++turn) {
    counters.Turn(turn);
    CounterValues before, after;
    bool read = counters.Read(&before);
    for (volatile int i = 0; i < kSteps;) i = i + 1;
    read = counters.Read(&after) && read;
    if (!read) Fail(absl::InternalError("the counters cannot be read"));
    if (after.enabled_ns - before.enabled_ns != after.running_ns - before.running_ns) {
      Fail(absl::InternalError("the group was not on the counters all the time"));
    }
    for (uint32_t i = 0; i < counters.events(); ++i) {
      counts[counters.first_event() + i].push_back(after.counts[i] - before.counts[i]);
    }
  }
  fmt::print("groups {}\nmapped {}\n", groups->sizes.size(), counters.by_mapping() ? 1 : 0);
  for (size_t event = 0, group = 0, left = groups->sizes[0]; event < names.size(); ++event) {
    if (left == 0) left = groups->sizes[++group];
    --left;
    fmt::print("{} {} {}\n", names[event], group, fmt::join(counts[event], " "));
  }
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  const bool as_user = argc > 2 && strcmp(argv[1], "--user") == 0;
  char** next = argv + (as_user ? 3 : 1);
  if (argv + argc - next < 2) return 2;
  if (as_user && setuid(static_cast<uid_t>(std::atoi(argv[2]))) != 0) return 2;
  const auto turns = static_cast<uint32_t>(std::atoi(*next++));
  synergy::Count(turns, {next, argv + argc});
}
