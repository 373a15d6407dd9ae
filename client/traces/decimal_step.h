// Whether a rail's watts were rounded to a decimal step before they were written, and to which one:
// told by the numbers alone. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace synergy {

class DecimalStep {
 public:
  void Add(double power_w);
  // Nothing where they were not, where the step is below a millionth of the largest, or where they
  // are too few different numbers to tell a rounded one from one that is round.
  std::optional<double> step_w() const;

 private:
  static constexpr int kMostDecimals = 6;
  static constexpr size_t kFewestDifferent = 5;

  int decimals_ = 0;  // that all numbers get along with
  double largest_w_ = 0;
  std::vector<double> different_;  // kFewestDifferent at most
};

}  // namespace synergy
