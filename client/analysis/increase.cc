#include "client/analysis/increase.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "client/analysis/student_t.h"

namespace synergy {
namespace {

constexpr double kPower = 0.8;

double MeanLog(std::span<const RunValue> runs) {
  double sum = 0;
  for (const RunValue& run : runs) sum += run.log;
  return sum / static_cast<double>(runs.size());
}

// Mean of the variances that the runs tell of themselves.
double WithinOf(std::span<const RunValue> runs) {
  double sum = 0;
  for (const RunValue& run : runs) sum += run.sd ? *run.sd * *run.sd : 0;
  return sum / static_cast<double>(runs.size());
}

// A side whose runs tell less of themselves than those that scattered has that on top.
double VarianceOf(std::span<const RunValue> side, const RunSpread& spread) {
  const double within = WithinOf(side);
  if (spread.assumed) return spread.variance + within;
  return std::max(spread.variance, spread.within) + std::max(0.0, within - spread.within);
}

}  // namespace

RunSpread SpreadOf(const std::vector<std::vector<RunValue>>& groups, double assumed_sd) {
  RunSpread spread;
  for (const std::vector<RunValue>& group : groups) {
    if (group.size() < 2) continue;
    const double mean = MeanLog(group), weight = static_cast<double>(group.size() - 1);
    for (const RunValue& run : group) spread.variance += (run.log - mean) * (run.log - mean);
    spread.within += weight * WithinOf(group);
    spread.degrees_of_freedom += weight;
  }
  if (spread.degrees_of_freedom == 0) {
    return {.variance = assumed_sd * assumed_sd,
            .within = 0,
            .degrees_of_freedom = kKnownVariance,
            .assumed = true};
  }
  spread.variance /= spread.degrees_of_freedom;
  spread.within /= spread.degrees_of_freedom;
  return spread;
}

double Increase::Bound(double p) const {
  return log + StudentTQuantile(p, degrees_of_freedom) * se;
}

double Increase::ProbabilityAbove(double log_limit) const {
  if (se > 0) return StudentTCdf((log_limit - log) / se, degrees_of_freedom);
  return log > log_limit ? 0 : 1;
}

double Increase::DetectableLog(double alpha) const {
  return se * (StudentTQuantile(1 - alpha, degrees_of_freedom) +
               StudentTQuantile(kPower, degrees_of_freedom));
}

Increase IncreaseOf(std::span<const RunValue> baseline, std::span<const RunValue> candidate,
                    const RunSpread& spread) {
  Increase increase;
  increase.log_baseline = MeanLog(baseline);
  increase.log_candidate = MeanLog(candidate);
  increase.log = increase.log_candidate - increase.log_baseline;
  increase.se_baseline =
      std::sqrt(VarianceOf(baseline, spread) / static_cast<double>(baseline.size()));
  increase.se_candidate =
      std::sqrt(VarianceOf(candidate, spread) / static_cast<double>(candidate.size()));
  increase.se = std::hypot(increase.se_baseline, increase.se_candidate);
  increase.degrees_of_freedom = spread.degrees_of_freedom;
  return increase;
}

std::vector<double> HolmLevels(const std::vector<double>& p, double alpha) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return p[i]; });
  std::vector<double> levels(p.size());
  double stopped = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const double level = alpha / static_cast<double>(p.size() - rank);
    if (stopped == 0 && p[order[rank]] > level) stopped = level;
    levels[order[rank]] = stopped > 0 ? stopped : level;
  }
  return levels;
}

}  // namespace synergy
