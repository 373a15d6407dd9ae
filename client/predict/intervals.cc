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

// Of ratios' logarithms. Of network k's m ratios the mean is off by a part of the network's own and
// a part of operators': m * mean^2 is m * v_network + v_operator, and what they differ by within it
// v_operator.
struct Variances {
  double networks = 0, rows = 0;
  double between = 0, within = 0;

  double freedom_within() const { return rows - networks; }
  double share() const { return networks / rows; }  // of a network's that counts for one operator
  double of_networks() const { return share() * between; }
  double of_operators() const { return (1 - share()) * within; }
  double sum() const { return of_networks() + of_operators(); }
};

Variances VariancesOf(const std::vector<LogRatio>& ratios) {
  std::map<size_t, Sums> by_network;
  for (const LogRatio& ratio : ratios) {
    Sums& sums = by_network[ratio.network];
    ++sums.count;
    sums.sum += ratio.value;
    sums.squares += ratio.value * ratio.value;
  }
  Variances out{.networks = static_cast<double>(by_network.size()),
                .rows = static_cast<double>(ratios.size())};
  for (const auto& [network, sums] : by_network) {
    const double of_mean = sums.sum * sums.sum / sums.count;
    out.between += of_mean / out.networks;
    out.within += std::max(0.0, sums.squares - of_mean);
  }
  out.within = out.freedom_within() > 0 ? out.within / out.freedom_within() : 0;
  return out;
}

// How many ratios that are off one by one would say as much: operators of one network that are off
// together count as one (Kish, "Survey Sampling", 1965).
double CountOfOwn(const Variances& of) {
  const double together = of.share() * std::max(0.0, of.between - of.within);
  const double alike = of.sum() > 0 ? std::min(1.0, together / of.sum()) : 0;
  return of.rows / (1 + (1 / of.share() - 1) * alike);
}

}  // namespace

// The degrees of freedom of v_network + v_operator are Satterthwaite's, "An approximate
// distribution of estimates of variance components" (1946).
std::optional<double> LogHalf95(const std::vector<LogRatio>& ratios) {
  const Variances of = VariancesOf(ratios);
  if (of.networks < 2 || !(of.sum() > 0)) return std::nullopt;
  const double within =
      of.freedom_within() > 0 ? of.of_operators() * of.of_operators() / of.freedom_within() : 0;
  const double spread = of.of_networks() * of.of_networks() / (of.networks - 1) + within;
  const double t = StudentTQuantile(0.5 * (1 + kInside), of.sum() * of.sum() / spread);
  const double half = t * std::sqrt(of.sum() * (1 + 1 / of.networks));
  if (!(half <= kMostLogHalf)) return std::nullopt;
  return half;
}

std::optional<RatioRange> RatioRange95(const std::vector<LogRatio>& ratios) {
  const Variances of = VariancesOf(ratios);
  if (of.networks < kNetworksOfShares || CountOfOwn(of) < static_cast<double>(kRowsOfShares)) {
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
