// The engine's side of counting (v1::WorkerCommand::Count): which group is on the counters, and
// what they say.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/marker_ring.h"
#include "common/unique_fd.h"
#include "daemon/worker/mapped_counter.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

// What the counters of a group said at an instant.
struct CounterValues {
  uint64_t enabled_ns = 0;  // summed over threads: counting was asked for
  uint64_t running_ns = 0;  // likewise: the group was on the counters
  std::array<uint64_t, kMaxCountedEvents> counts = {};
};

// Turn from one thread while no operator runs; Read from any thread. Neither allocates nor locks.
class EventCounters {
 public:
  // `of_all_threads`: Read sums over all threads rather than reading the calling one's.
  // InvalidArgument: the descriptors are no such groups.
  static absl::StatusOr<EventCounters> Make(const v1::WorkerCommand::Count& count,
                                            std::vector<UniqueFd> fds, bool of_all_threads);

  // Puts the iteration's group on the counters, in place of the one before.
  void Turn(uint32_t iteration);
  size_t groups() const { return sizes_.size(); }
  // Of the present group: the first of its events, and how many it has.
  uint32_t first_event() const { return firsts_[group_]; }
  uint32_t events() const { return sizes_[group_]; }
  uint32_t all_events() const { return firsts_.back() + sizes_.back(); }

  // False: it has no counters, or cannot read them.
  bool Read(CounterValues* values) const;
  // Whether Read needs no system call.
  bool by_mapping() const;

 private:
  struct Thread {
    pid_t id;
    std::vector<UniqueFd> fds;            // of all groups
    std::vector<MappedCounter> counters;  // likewise; not mapped where the kernel does not let
  };

  bool ReadThread(const Thread& thread, bool own, CounterValues* values) const;
  // By one call; adds to `values`.
  bool ReadByCall(const Thread& thread, CounterValues* values) const;
  bool ReadByMapping(const Thread& thread, CounterValues* values) const;

  bool of_all_threads_ = false;
  std::vector<uint32_t> firsts_, sizes_;  // of the groups
  std::vector<Thread> threads_;
  size_t group_ = 0;
  bool enabled_ = false;
};

// Measures what markers cost with and without, and what is counted of an operator that does
// nothing.
v1::WorkerEvent::Counting MeasureCounting(EventCounters& counters);

}  // namespace synergy
