// A comparison that may be looked at after every pair of runs and stopped whenever it is decided.
// Pure.
//
// Runs alternate, A B A B; of each pair the logarithm of B over A is one value, in which whatever
// moves slowly (temperature, leakage) has cancelled. The values are taken for independent and
// normal, of unknown mean and unknown variance.
//
// The interval is an always-valid confidence sequence: with probability 1 - alpha it holds the true
// mean at all looks together, however many there are and whatever made one stop. It is the set of
// means m whose scale-invariant mixture e-value stays below 1 / alpha,
//
//   E_n(m) = (1 + n g)^(-1/2) ((1 + t^2 / v) / (1 + t^2 / (v (1 + n g))))^((v + 1) / 2),
//
// t Student's statistic of the n values against m, v = n - 1: the likelihood ratio of the maximal
// invariant (t) with a normal prior of variance g on the effect over the deviation. Under the true
// m it is a non-negative martingale that begins at 1, for every n from 2 on, so Ville's inequality
// bounds its maximum. T. L. Lai, "On confidence sequences", Ann. Statist. 4 (1976); M. F.
// Perez-Ortiz, T. Lardy, R. de Heide, P. Grunwald, "E-statistics, group invariance and
// anytime-valid testing", Ann. Statist. 52 (2024); H. Wang, A. Ramdas, "Anytime-valid t-tests and
// confidence sequences for Gaussian means with unknown variance", Sequential Analysis (2024).
//
// Why not a group-sequential plan with alpha spending: that needs the number of looks, or at least
// the last one, beforehand and the variance known well; here a script measures until it knows, with
// a handful of pairs. The price is an interval that is wider than one that may be looked at once.
#pragma once

#include <cstdint>
#include <limits>

namespace synergy {

// The variance of the effect over the deviation of a pair that the interval is tightest for: limits
// and increases of a few per cent beside pairs that scatter by one.
inline constexpr double kEffectVariance = 4;

class PairedSequence {
 public:
  // `alpha`: that the interval ever misses to one side; 0 < alpha < 0.5. Both sides together miss
  // with twice that at most, and evenly where the values are symmetric.
  explicit PairedSequence(double alpha) : alpha_(alpha) {}

  // So many pairs there must be before there can be a bound.
  static uint64_t LeastPairs(double alpha);

  void Add(double log_ratio);

  uint64_t pairs() const { return pairs_; }
  double mean() const { return mean_; }
  // Half the width now; infinite as long as there is no bound.
  double half_width() const;
  // The intersection of all intervals so far, which holds the mean when all of them do.
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  double alpha_;
  uint64_t pairs_ = 0;
  double mean_ = 0, squares_ = 0;  // Welford
  double low_ = -std::numeric_limits<double>::infinity();
  double high_ = std::numeric_limits<double>::infinity();
};

}  // namespace synergy
