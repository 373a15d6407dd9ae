#include "client/predict/intervals.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "client/analysis/student_t.h"

namespace synergy {
namespace {

constexpr double kInside = 0.95;

struct Sums {
  double count = 0, sum = 0, squares = 0;
};

}  // namespace

// Of network k's m ratios the mean is off by a part of the network's own and a part of operators':
// m * mean^2 is m * v_network + v_operator, and what they differ by within it v_operator. The
// degrees of freedom of v_network + v_operator are Satterthwaite's, "An approximate distribution of
// estimates of variance components" (1946).
std::optional<double> LogHalf95(const std::vector<LogRatio>& ratios) {
  std::map<size_t, Sums> by_network;
  for (const LogRatio& ratio : ratios) {
    Sums& sums = by_network[ratio.network];
    ++sums.count;
    sums.sum += ratio.value;
    sums.squares += ratio.value * ratio.value;
  }
  const auto networks = static_cast<double>(by_network.size());
  const auto rows = static_cast<double>(ratios.size());
  if (networks < 2) return std::nullopt;
  double between = 0, within = 0;
  for (const auto& [network, sums] : by_network) {
    const double of_mean = sums.sum * sums.sum / sums.count;
    between += of_mean / networks;
    within += std::max(0.0, sums.squares - of_mean);
  }
  const double inner_freedom = rows - networks;
  within = inner_freedom > 0 ? within / inner_freedom : 0;
  const double share = networks / rows;  // of a network's mean square that counts for one operator
  const double of_networks = share * between, of_operators = (1 - share) * within;
  const double variance = of_networks + of_operators;
  if (!(variance > 0)) return std::nullopt;
  const double spread = of_networks * of_networks / (networks - 1) +
                        (inner_freedom > 0 ? of_operators * of_operators / inner_freedom : 0);
  const double t = StudentTQuantile(0.5 * (1 + kInside), variance * variance / spread);
  const double half = t * std::sqrt(variance * (1 + 1 / networks));
  if (!(half <= kMostLogHalf)) return std::nullopt;
  return half;
}

std::optional<RatioRange> RatioRange95(const std::vector<LogRatio>& ratios) {
  if (ratios.size() < kRowsOfShares) {
    const std::optional<double> half = LogHalf95(ratios);
    if (!half) return std::nullopt;
    return RatioRange{.low = std::exp(-*half), .high = std::exp(*half)};
  }
  std::vector<double> sorted;
  for (const LogRatio& ratio : ratios) sorted.push_back(std::exp(ratio.value));
  std::ranges::sort(sorted);
  const double outside = 0.5 * (1 - kInside) * static_cast<double>(sorted.size() + 1);
  const auto cut = static_cast<size_t>(std::max(0.0, std::floor(outside) - 1));
  return RatioRange{.low = std::min(1.0, sorted[cut]),
                    .high = std::max(1.0, sorted[sorted.size() - 1 - cut])};
}

}  // namespace synergy
