// An engine that executes nothing: it says which operator ran when, in virtual time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "common/marker_ring.h"
#include "daemon/power/board_simulation.h"
#include "daemon/sim/operator_times.h"

namespace synergy::sim {

// What the worker is to do, one after the other.
struct WorkPlan {
  MonotonicTime begin;                  // of the setup; nothing runs before
  Nanoseconds load = Milliseconds(20);  // kOpLoad
  Nanoseconds init = Milliseconds(10);  // kOpInit
  uint32_t warmup = 1;
  uint32_t iterations = 1;
  Nanoseconds longest_pause;            // before measured iterations: common/iteration_pause.h
  uint64_t seed = 0;                    // of the pauses
  std::optional<uint32_t> looped = {};  // operator that is repeated behind the iterations
  Nanoseconds loop = {};                // for at least so long
};

// Thread-compatible: the board asks (Poll) and the run takes (TakeMarkers) from one thread. Both
// see nothing of the future of `clock`.
class ModelledWorker final : public ActivityFeed {
 public:
  // Everything outlives the worker.
  ModelledWorker(const WorkPlan& plan, const OperatorTimes& times, Clock& clock);

  void Poll(Snapshot* snapshot) override;
  // What has ended since the last call, in the order in which it ended.
  std::vector<Marker> TakeMarkers();

  // When the setup, the other phases and what follows the last iteration begin. Nothing: that is
  // farther ahead than was planned yet.
  MonotonicTime begin() const { return plan_.begin; }
  std::optional<MonotonicTime> warmup_begin() const { return warmup_begin_; }
  std::optional<MonotonicTime> measure_begin() const { return measure_begin_; }
  std::optional<MonotonicTime> loop_begin() const { return loop_begin_; }
  std::optional<MonotonicTime> end() const { return end_; }

 private:
  // Plans whatever begins up to `until`.
  void PlanUntil(MonotonicTime until);
  void PlanSetup();
  void PlanIteration(uint8_t phase, uint32_t iteration);
  // The operators before the one that is looped; as many of its executions as make up a
  // millisecond, as worker.proto says.
  void PlanLoopBegin();
  void PlanLoopSpan();
  void Append(uint32_t op, uint32_t iteration, uint8_t phase, MonotonicTime begin,
              MonotonicTime end);

  const WorkPlan plan_;
  const OperatorTimes& times_;
  Clock& clock_;

  MonotonicTime planned_;        // up to here
  uint64_t next_iteration_ = 0;  // warm-up ones included
  bool set_up_ = false;
  uint32_t looped_ = 0;  // executions
  std::optional<MonotonicTime> warmup_begin_, measure_begin_, loop_begin_, end_;

  std::deque<Marker> for_board_;   // without kOpNet, in the order of their begins
  std::deque<Marker> for_record_;  // in the order of their ends
};

}  // namespace synergy::sim
