#include "daemon/worker/event_counters.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/worker/tick_clock.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr int kMeasuredReads = 500;  // of each group

// In thread-local memory, for there is no call without a system call for it in all C libraries.
pid_t ThreadId() {
  static thread_local const auto id = static_cast<pid_t>(syscall(SYS_gettid));
  return id;
}

}  // namespace

absl::StatusOr<EventCounters> EventCounters::Make(const v1::WorkerCommand::Count& count,
                                                  std::vector<UniqueFd> fds, bool of_all_threads) {
  EventCounters counters;
  counters.of_all_threads_ = of_all_threads;
  uint32_t events = 0;
  for (const uint32_t of_group : count.group_events()) {
    counters.firsts_.push_back(events);
    counters.sizes_.push_back(of_group);
    events += of_group;
  }
  auto next = fds.begin();
  for (const int32_t id : count.threads()) {
    Thread& thread = counters.threads_.emplace_back(Thread{.id = id, .fds = {}, .counters = {}});
    for (uint32_t i = 0; i < events; ++i) {
      thread.counters.emplace_back(next->get());
      thread.fds.push_back(std::move(*next++));
    }
  }
  for (size_t group = 0; group < counters.groups(); ++group) {
    counters.group_ = group;
    for (const Thread& thread : counters.threads_) {
      CounterValues values;
      if (counters.ReadByCall(thread, &values)) continue;
      return absl::InvalidArgumentError(fmt::format(
          "the descriptors of group {} cannot be read as {} events", group, counters.events()));
    }
  }
  counters.group_ = 0;
  return counters;
}

void EventCounters::Turn(uint32_t iteration) {
  const size_t next = iteration % groups();
  if (enabled_ && next == group_) return;
  for (const Thread& thread : threads_) {
    if (enabled_) ioctl(thread.fds[firsts_[group_]].get(), PERF_EVENT_IOC_DISABLE, 0);
    ioctl(thread.fds[firsts_[next]].get(), PERF_EVENT_IOC_ENABLE, 0);
  }
  group_ = next;
  enabled_ = true;
}

bool EventCounters::Read(CounterValues* values) const {
  *values = {};
  const pid_t own = ThreadId();
  bool found = false;
  for (const Thread& thread : threads_) {
    if (!of_all_threads_ && thread.id != own) continue;
    if (!ReadThread(thread, thread.id == own, values)) return false;
    found = true;
  }
  return found;
}

bool EventCounters::ReadThread(const Thread& thread, bool own, CounterValues* values) const {
  return (own && ReadByMapping(thread, values)) || ReadByCall(thread, values);
}

bool EventCounters::ReadByMapping(const Thread& thread, CounterValues* values) const {
  std::array<MappedCounter::Reading, kMaxCountedEvents> readings;
  for (uint32_t i = 0; i < events(); ++i) {
    const MappedCounter& counter = thread.counters[first_event() + i];
    if (!counter.mapped() || !counter.Read(&readings[i])) return false;
  }
  values->enabled_ns += readings[0].enabled_ns;
  values->running_ns += readings[0].running_ns;
  for (uint32_t i = 0; i < events(); ++i) values->counts[i] += readings[i].count;
  return true;
}

bool EventCounters::ReadByCall(const Thread& thread, CounterValues* values) const {
  // read(2) of a group: how many, both times, values.
  struct {
    uint64_t events, enabled_ns, running_ns;
    std::array<uint64_t, kMaxCountedEvents> counts;
  } group;
  const ssize_t size = read(thread.fds[first_event()].get(), &group, sizeof(group));
  if (size != static_cast<ssize_t>((3 + events()) * sizeof(uint64_t)) || group.events != events()) {
    return false;
  }
  values->enabled_ns += group.enabled_ns;
  values->running_ns += group.running_ns;
  for (uint32_t i = 0; i < events(); ++i) values->counts[i] += group.counts[i];
  return true;
}

bool EventCounters::by_mapping() const {
  return std::ranges::all_of(threads_, [this](const Thread& thread) {
    if (of_all_threads_ && thread.id != ThreadId()) return false;
    return std::ranges::all_of(thread.counters, &MappedCounter::mapped);
  });
}

v1::WorkerEvent::Counting MeasureCounting(EventCounters& counters) {
  v1::WorkerEvent::Counting counting;
  counting.set_by_mapping(counters.by_mapping());
  const auto seconds_each = [&](auto step) {
    const int64_t begin_ns = MonotonicNs();
    for (int i = 0; i < kMeasuredReads; ++i) step();
    return 1e-9 * static_cast<double>(MonotonicNs() - begin_ns) / kMeasuredReads;
  };
  double read_s = 0;
  for (uint32_t group = 0; group < counters.groups(); ++group) {
    counters.Turn(group);
    CounterValues before, after;
    double empty[kMaxCountedEvents] = {};
    read_s += seconds_each([&] {
      counters.Read(&before);
      counters.Read(&after);
      for (uint32_t i = 0; i < counters.events(); ++i) {
        empty[i] += static_cast<double>(after.counts[i] - before.counts[i]) / kMeasuredReads;
      }
    });
    for (uint32_t i = 0; i < counters.events(); ++i) counting.add_empty_counts(empty[i]);
  }
  volatile uint64_t stamps = 0;
  const double marker_s = seconds_each([&] {
    stamps = ReadCounter();
    stamps = ReadCounter();
  });
  counting.set_marker_s(marker_s);
  counting.set_counted_marker_s(marker_s + read_s / static_cast<double>(counters.groups()));
  counters.Turn(0);
  return counting;
}

}  // namespace synergy
