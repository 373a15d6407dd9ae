#include "common/attribution/outlying_rows.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace synergy {
namespace {

// A reading this many standard deviations from what was expected has another window than it is
// taken to have, or something else ran: one of them would make the noise of thousands.
constexpr double kOutlier = 6;
// More than this share are no outliers: the model does not hold, and the noise must say so.
constexpr double kMostOutliers = 0.01;
// Of a normal distribution 0.27 % are beyond 3 standard deviations. Where powers vary, or where the
// windows are not known, it is 8 to 28 % (the accuracy bars' boards): none that varies with them is
// an outlier, only what no rail could do.
constexpr double kWide = 3, kMostWide = 0.03, kFarOutlier = 60;

// How far the rows are from their predictions, in steps; 0 of those that were left out before.
std::vector<double> Distances(const Eigen::VectorXd& p, const RegressionRows& rows) {
  std::vector<double> off(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    off[i] = rows.left_out(i) ? 0 : std::abs(rows.y(i) - rows.Predict(i, p));
  }
  return off;
}

}  // namespace

// Of a normal distribution the median deviation is 0.6745 standard deviations.
double StandardDeviation(std::vector<double>* deviations) {
  const auto median = deviations->begin() + static_cast<ptrdiff_t>(deviations->size() / 2);
  std::nth_element(deviations->begin(), median, deviations->end());
  return *median / 0.6745;
}

size_t OneIn(size_t rows) {
  constexpr size_t kEnough = 2'048;
  return std::max<size_t>(1, rows / kEnough);
}

uint64_t LeaveOutOutliers(const Eigen::VectorXd& p, RegressionRows* rows) {
  const std::vector<double> off = Distances(p, *rows);
  std::vector<double> sample;
  for (size_t i = 0; i < off.size(); i += OneIn(off.size())) sample.push_back(off[i]);
  const double sd = std::max(StandardDeviation(&sample), rows->least_noise()),
               variance = std::max(sd * sd, kRoundingVariance);
  const auto is_beyond = [&](size_t i, double limit) {
    return off[i] * off[i] > limit * limit * (variance + rows->variance(i));
  };
  const auto share_beyond = [&](double limit) {
    size_t beyond = 0;
    for (size_t i = 0; i < off.size(); ++i) beyond += is_beyond(i, limit) ? 1 : 0;
    return static_cast<double>(beyond) / static_cast<double>(off.size());
  };
  const double limit = share_beyond(kWide) > kMostWide ? kFarOutlier : kOutlier;
  if (share_beyond(limit) > kMostOutliers) return 0;
  uint64_t outliers = 0;
  for (size_t i = 0; i < off.size(); ++i) {
    if (!is_beyond(i, limit)) continue;
    rows->LeaveOut(i);
    ++outliers;
  }
  return outliers;
}

}  // namespace synergy
