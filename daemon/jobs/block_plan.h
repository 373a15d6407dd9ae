// How many iterations a job with a precision measures next. Pure.
//
// Half-widths of intervals shrink with 1 / sqrt(n), n being the iterations measured so far, as far
// as noise makes them. So with the half-width w after n iterations and the target t, n (w / t)^2
// are needed; kMargin more of the missing ones are planned, since w itself is only an estimate.
// That law is not trusted far: what does not average out (the place of a sensor's windows,
// rounding) is in w, too. So a block is at most as long as all before it. And it is at least a
// quarter of them, so that the decisions, each of which reads everything anew, take a time in
// proportion to the measuring.
#pragma once

#include <cstdint>
#include <optional>

namespace synergy {

struct BlockGoal {
  double target = 0;   // half-width of the widest interval, as a share of the mean
  uint32_t least = 1;  // iterations in all, where there is time for them
  double max_s = 0;    // from the first block's begin; no block is begun that would end later
};

// Thread-compatible.
class BlockPlan {
 public:
  // The first block takes at least that, or a sensor's few readings in it say nothing.
  static constexpr double kShortestFirstS = 1;
  static constexpr double kMargin = 0.1;
  static constexpr double kLeastGrowth = 0.25;
  // A last block, before the time is over, that is shorter than this share of all before it would
  // not change the result.
  static constexpr double kLeastWorth = 0.05;
  // So often in a row nothing may be known of the operators before it is given up: by then the run
  // is four times as long as its first block.
  static constexpr int kMostUnknown = 3;

  // `iteration_s`: how long an iteration takes with its pause, from before the first block.
  BlockPlan(const BlockGoal& goal, double iteration_s);

  // Of the next block; 0: it is over. `elapsed_s`: since the first block's begin.
  uint32_t Next(double elapsed_s) const;
  // A block of `count` took `block_s`.
  void Measured(uint32_t count, double block_s);
  // What was found then, and how long that took; nothing: it is not known.
  void Found(std::optional<double> widest, double decision_s);

  uint32_t iterations() const { return iterations_; }  // measured so far

 private:
  double Wanted() const;

  const BlockGoal goal_;
  double iteration_s_;
  uint32_t iterations_ = 0;
  double measured_s_ = 0;
  double decision_s_ = 0;  // of the last one
  std::optional<double> widest_;
  int unknown_ = 0;  // in a row
};

}  // namespace synergy
