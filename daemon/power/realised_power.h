// The power that a simulated board really drew: a timeline of pieces of constant power, built
// forwards as it becomes known what ran, integrated exactly, and forgotten once nobody asks for it
// any more.
//
// The temperature moves in steps of 10 ms by the mean power of each step and is constant in
// between, so that the timeline does not depend on how often it is extended.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <utility>

#include "common/clock.h"
#include "daemon/power/board_power.h"

namespace synergy::sim {

// Thread-compatible.
class RealisedPower {
 public:
  // An idle board at its idle temperature. `board` outlives this.
  RealisedPower(const SimulationProfile& board, MonotonicTime begin,
                const CpuOperatingPoint& point);

  // What is drawn besides, by the instant: asked for each 10 ms, and constant in between. Before
  // the timeline is extended.
  using Extra = std::function<BoardPower(MonotonicTime)>;
  void SetExtra(Extra extra) { extra_ = std::move(extra); }
  // From end() on.
  void SetOperatingPoint(const CpuOperatingPoint& point) { point_ = point; }
  double temperature_c() const { return temperature_c_; }

  // What is known: [begin(), end()).
  MonotonicTime begin() const { return {pieces_.empty() ? end_ns_ : pieces_.front().begin_ns}; }
  MonotonicTime end() const { return {end_ns_}; }

  // Continues the timeline to `until` with `running`; returns the joules of each rail.
  PerRail Extend(MonotonicTime until, std::span<const OperatorLoad> running);

  // Joules in the part of [begin, end] that is known; with `idle_only`, of its idle pieces.
  PerRail Energy(MonotonicTime begin, MonotonicTime end, bool idle_only = false) const;
  // Means over a non-empty known span, in A, V and W.
  double MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) const;
  double MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) const;
  double MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) const;

  void ForgetBefore(MonotonicTime time);
  size_t pieces() const { return pieces_.size(); }

 private:
  struct Piece {
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
    BoardPower power;
    double supply_v = 0;
    bool idle = false;
  };

  void Append(int64_t until_ns, const BoardPower& power, bool idle);
  void StepTemperature();
  // Calls visit(piece, overlap in seconds) for each piece that overlaps [begin, end].
  template <typename Visit>
  void ForEach(MonotonicTime begin, MonotonicTime end, Visit visit) const;

  const SimulationProfile& board_;
  CpuOperatingPoint point_;
  double temperature_c_;
  Extra extra_;  // null: nothing
  int64_t end_ns_;
  int64_t step_begin_ns_;   // of the present thermal step
  double step_joules_ = 0;  // of the whole board since then
  std::deque<Piece> pieces_;
};

}  // namespace synergy::sim
