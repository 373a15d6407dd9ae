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
// Of one operator: fewer rows do not tell how far they lie by themselves.
constexpr size_t kEnoughOfOne = 32;

// Of which operator a row says most.
size_t OperatorOf(const RegressionRows& rows, size_t row) {
  const auto entries = rows.entries(row);
  const auto most = std::ranges::max_element(entries, {}, [&](const RegressionRows::Entry& e) {
    return e.parameter < rows.lines_from() ? e.weight : -1;
  });
  return most == entries.end() ? 0 : most->parameter;
}

// How far the rows are from their predictions, in the standard deviation that most of them have,
// or most of their operator's: an operator whose power varies has no outliers by that. 0 of those
// that were left out before.
std::vector<double> Distances(const Eigen::VectorXd& p, const RegressionRows& rows) {
  std::vector<double> off(rows.size()), sample;
  std::vector<std::vector<double>> of_operators(static_cast<size_t>(p.size()) + 1);
  std::vector<size_t> operators(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    off[i] = rows.left_out(i) ? 0 : std::abs(rows.y(i) - rows.Predict(i, p));
    operators[i] = OperatorOf(rows, i);
    of_operators[operators[i]].push_back(off[i]);
  }
  for (size_t i = 0; i < off.size(); i += OneIn(off.size())) sample.push_back(off[i]);
  const double sd = std::max(StandardDeviation(&sample), std::sqrt(kRoundingVariance));
  std::vector<double> sds;
  for (std::vector<double>& own : of_operators) {
    sds.push_back(own.size() < kEnoughOfOne ? sd : std::max(sd, StandardDeviation(&own)));
  }
  for (size_t i = 0; i < off.size(); ++i) {
    off[i] /= std::sqrt(std::pow(sds[operators[i]], 2) + rows.variance(i));
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
  const std::vector<double> distances = Distances(p, *rows);
  std::vector<size_t> outliers;
  for (size_t i = 0; i < distances.size(); ++i) {
    if (distances[i] > kOutlier) outliers.push_back(i);
  }
  if (static_cast<double>(outliers.size()) > kMostOutliers * static_cast<double>(rows->size())) {
    return 0;
  }
  for (const size_t i : outliers) rows->LeaveOut(i);
  return outliers.size();
}

}  // namespace synergy
