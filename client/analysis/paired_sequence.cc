#include "client/analysis/paired_sequence.h"

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

// The square of t over v at which the e-value of n pairs comes to 1 / (2 alpha); infinite where it
// never does: E < 1 / (2 alpha), solved for q = t^2 / v: (1 + q) / (1 + q / r) < k.
double Bound(uint64_t pairs, double alpha) {
  if (pairs < 2) return std::numeric_limits<double>::infinity();
  const double n = static_cast<double>(pairs);
  const double r = 1 + n * kEffectVariance;
  const double k = std::pow(std::sqrt(r) / (2 * alpha), 2 / n);
  if (k >= r) return std::numeric_limits<double>::infinity();
  return (k - 1) / (1 - k / r);
}

}  // namespace

uint64_t PairedSequence::LeastPairs(double alpha) {
  uint64_t pairs = 2;
  while (std::isinf(Bound(pairs, alpha))) ++pairs;
  return pairs;
}

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
  const double bound = Bound(pairs_, alpha_);
  if (std::isinf(bound)) return bound;
  return std::sqrt(squares_ / static_cast<double>(pairs_) * bound);
}

}  // namespace synergy
