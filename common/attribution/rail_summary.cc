#include "common/attribution/rail_summary.h"

#include <algorithm>

#include "common/attribution/run_course.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

template <typename T>
void AddTo(const std::vector<T>& more, std::vector<T>* sums) {
  for (size_t i = 0; i < more.size(); ++i) (*sums)[i] += more[i];
}

template <typename T>
std::vector<T> Moved(const std::vector<T>& values, const Remapping& map) {
  std::vector<T> moved(map.categories);
  for (size_t i = 0; i < values.size(); ++i) moved[map.category[i]] = values[i];
  return moved;
}

}  // namespace

Remapping::Remapping(const std::vector<uint32_t>& from, const SlowDrift& from_drift,
                     const std::vector<uint32_t>& to, const SlowDrift& to_drift)
    : categories(to.size() + RunCourse::kOtherCategories), knots_of_old(to_drift.In(from_drift)) {
  for (const uint32_t op : from) {
    category.push_back(static_cast<uint32_t>(std::ranges::find(to, op) - to.begin()));
  }
  for (uint32_t i = 0; i < RunCourse::kOtherCategories; ++i) {
    category.push_back(static_cast<uint32_t>(to.size()) + i);
  }
  const auto old_categories = static_cast<Index>(category.size());
  const auto new_categories = static_cast<Index>(categories);
  const auto old_knots = static_cast<Index>(from_drift.knots());
  const auto new_knots = static_cast<Index>(to_drift.knots());
  old_of_new = MatrixXd::Zero(old_categories + old_knots, new_categories + new_knots);
  for (Index i = 0; i < old_categories; ++i) old_of_new(i, category[static_cast<size_t>(i)]) = 1;
  old_of_new.bottomRightCorner(old_knots, new_knots) = from_drift.In(to_drift);
}

VectorXd Remapping::CategoryValues(const VectorXd& old, double level) const {
  VectorXd values = VectorXd::Constant(static_cast<Index>(categories), level);
  for (size_t i = 0; i < category.size(); ++i) values[category[i]] = old[static_cast<Index>(i)];
  return values;
}

VectorXd Remapping::Values(const VectorXd& old, double level) const {
  VectorXd values(old_of_new.cols());
  values.head(static_cast<Index>(categories)) = CategoryValues(old, level);
  values.tail(knots_of_old.rows()) = knots_of_old * old.tail(knots_of_old.cols());
  return values;
}

void RailSummary::Add(const RailSummary& more) {
  readings += more.readings;
  stuck += more.stuck;
  if (more.empty()) return;
  if (empty()) {
    const uint64_t all_readings = readings, all_stuck = stuck;
    *this = more;
    readings = all_readings;
    stuck = all_stuck;
    return;
  }
  data.h += more.data.h;
  data.g += more.data.g;
  score_products += more.score_products;
  clusters += more.clusters;
  used += more.used;
  outliers += more.outliers;
  AddTo(more.touched, &touched);
  AddTo(more.covered_s, &covered_s);
  row_sum += more.row_sum;
  row_squares += more.row_squares;
  y_sum += more.y_sum;
  y_least = std::min(y_least, more.y_least);
  y_most = std::max(y_most, more.y_most);
  residual_step_s += more.residual_step_s;
  rounding.Add(more.rounding);
  for (size_t i = 0; i < quiet_rounding.size(); ++i) {
    quiet_rounding[i].Add(more.quiet_rounding[i]);
  }
  place_squares_ns2 += more.place_squares_ns2;
  placed += more.placed;
}

void RailSummary::Remap(const Remapping& map) {
  if (empty()) return;
  const MatrixXd& t = map.old_of_new;
  MatrixXd with_noise = MatrixXd::Zero(t.rows() + 1, t.cols() + 1);
  with_noise.topLeftCorner(t.rows(), t.cols()) = t;
  with_noise(t.rows(), t.cols()) = 1;
  data.h = with_noise.transpose() * data.h * with_noise;
  data.g = with_noise.transpose() * data.g;
  score_products = with_noise.transpose() * score_products * with_noise;
  row_sum = t.transpose() * row_sum;
  row_squares = t.transpose() * row_squares;
  quiet_rounding = Moved(quiet_rounding, map);
  touched = Moved(touched, map);
  covered_s = Moved(covered_s, map);
}

}  // namespace synergy
