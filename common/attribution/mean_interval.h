// Means with their uncertainty.
#pragma once

#include <cstdint>
#include <optional>

namespace synergy {

// A mean with its 95 % confidence interval (Student's t, the values taken for independent). The
// interval is absent for fewer than two values.
struct MeanWithInterval {
  double mean = 0;
  struct Interval {
    double low = 0;
    double high = 0;
  };
  std::optional<Interval> ci95;
};

// The t that Student's distribution stays below with 97.5 %. At least one degree of freedom.
double StudentT975(uint64_t degrees_of_freedom);

// Mean and variance of values that come one by one (Welford's method: no cancellation).
class RunningMean {
 public:
  void Add(double value) {
    ++count_;
    const double off = value - mean_;
    mean_ += off / static_cast<double>(count_);
    squares_ += off * (value - mean_);
  }
  uint64_t count() const { return count_; }
  MeanWithInterval Result() const;

 private:
  uint64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // sum of squared deviations from the mean
};

}  // namespace synergy
