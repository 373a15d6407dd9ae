#include "client/analysis/paired_sequence.h"

#include <algorithm>
#include <cmath>

namespace synergy {

void PairedSequence::Add(double log_ratio) {
  ++pairs_;
  const double off = log_ratio - mean_;
  mean_ += off / static_cast<double>(pairs_);
  squares_ += off * (log_ratio - mean_);
  const double half = half_width();
  low_ = std::max(low_, mean_ - half);
  high_ = std::min(high_, mean_ + half);
}

double PairedSequence::half_width() const {
  if (pairs_ < 2) return std::numeric_limits<double>::infinity();
  const double n = static_cast<double>(pairs_);
  // E < 1 / (2 alpha), solved for q = t^2 / v: (1 + q) / (1 + q / r) < k.
  const double r = 1 + n * kEffectVariance;
  const double k = std::pow(std::sqrt(r) / (2 * alpha_), 2 / n);
  if (k >= r) return std::numeric_limits<double>::infinity();
  const double q = (k - 1) / (1 - k / r);
  return std::sqrt(squares_ / n * q);
}

}  // namespace synergy
