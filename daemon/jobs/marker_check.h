// Whether a marker that an engine wrote can be true. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/marker_ring.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Starts out believing nothing but calibrations; grows with the commands that the engine is given.
class MarkerCheck {
 public:
  // How far a marker may lie ahead of the clock or before the job: far above what an engine's
  // calibrated counter goes astray, so that what is beyond is no matter of accuracy.
  static constexpr Nanoseconds kClockSlack = Milliseconds(2);

  // Calibrations of a lane: a TickClock makes two a second and two a block of iterations.
  static constexpr uint64_t kClocksPerSecond = 100;
  // Parts of loading; our engines have three.
  static constexpr uint32_t kMaxSetupMarkers = 1000;

  // `lanes` of the ring. Nothing of the job began before `job_begin`.
  MarkerCheck(uint32_t lanes, MonotonicTime job_begin);

  void AllowSetup() { setup_ = true; }
  void SetOperatorCount(uint32_t count) { operators_ = count; }
  // Iterations [0, end) of WARMUP or MEASURE were asked for, or so many executions in LOOP.
  void AllowIterations(v1::Phase phase, uint32_t end);

  // The engine was told to count so many events in PHASE_MEASURE.
  void AllowCounts(uint32_t events) { events_ = events; }

  // What is wrong with the marker, nothing where it can be true. `now` is a time after it was
  // written. Markers of a lane are given in the order in which they were written.
  std::optional<std::string> Complaint(const Marker& marker, MonotonicTime now);
  // The same for a slot's content.
  bool Credible(const CurrentOperator& current, MonotonicTime now) const;

  uint32_t operators() const { return operators_; }

 private:
  // The last marker of each kind: executions of one kind follow each other in a lane, iterations
  // never go back, and an operator runs once in each. Without that an engine could fill any disk.
  struct LaneState {
    int64_t operator_ns = 0;  // where it ended
    int64_t net_ns = 0;
    uint64_t iteration = 0;  // Order() of the last operator
    uint64_t net_iteration = 0;
    uint64_t clocks = 0;
    // Of the operator's marker that came last; its counts follow, each once.
    uint32_t counted_op = 0;
    uint64_t counted_order = 0;  // 0: there was none
    uint32_t counted_event = 0;
    std::vector<uint64_t> ran_in;  // by operator, Order() of its last execution
  };

  std::optional<std::string> KindComplaint(uint32_t op, uint32_t phase, uint32_t iteration) const;
  std::optional<std::string> OrderComplaint(const Marker& marker, LaneState* lane) const;
  std::optional<std::string> CountComplaint(const Marker& marker, LaneState* lane) const;
  std::optional<std::string> ClockComplaint(LaneState* lane, MonotonicTime now) const;

  const MonotonicTime begin_;
  std::vector<LaneState> lanes_;
  bool setup_ = false;
  uint32_t setup_markers_ = 0;
  uint32_t operators_ = 0;
  uint32_t events_ = 0;
  std::array<uint32_t, v1::Phase_ARRAYSIZE> iterations_ = {};
};

}  // namespace synergy
