// What the accuracy bars count of runs whose truth is known.
#pragma once

#include <cstdint>
#include <vector>

#include "common/attribution/integrate.h"
#include "common/attribution/least_squares.h"
#include "tests/support/played_run.h"

namespace synergy {

struct Share {
  int inside = 0, all = 0;
  void Add(bool is_inside) {
    ++all;
    inside += is_inside ? 1 : 0;
  }
  Share& operator+=(const Share& other) {
    inside += other.inside;
    all += other.all;
    return *this;
  }
  double percent() const { return all == 0 ? 100 : 100.0 * inside / all; }
  // Whether so few would be inside in less than 1 % of the cases were each with probability `p`.
  bool IsBelow(double p) const;
  bool IsAbove(double p) const { return Share{all - inside, all}.IsBelow(1 - p); }
};

// One rail, pooled over runs.
struct Tally {
  int runs = 0;
  double weighted = 0, integrated = 0, grouped = 0, steps = 0;  // sums over runs
  std::vector<double> long_errors;  // of operators of 100 us and more that stand alone
  std::vector<double> widths;       // half-widths over those of the model's information alone
  int long_grouped = 0;             // of these that do not
  Share holds, long_holds;          // intervals: all, groups included, and of long ones alone
  Share whole;                      // networks within 1 % or half a step of the rail
  Share calibrated;                 // networks within the calibration and the interval
  double books = 0;                 // worst share of the integral that is not attributed
  double residual = 0;              // likewise, of it what the readings say beyond the powers

  void Add(const Truth& truth, const LeastSquares& ls, const RailEnergy& rail,
           const Attribution& plain, size_t plain_rail);
  double Mean() const;
  double Quantile(double share) const { return QuantileOf(long_errors, share); }
  static double QuantileOf(std::vector<double> values, double share);
};

}  // namespace synergy
