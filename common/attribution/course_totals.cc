#include "common/attribution/course_totals.h"

#include <algorithm>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

void AddKnotSeconds(const RunCourse& course, const SlowDrift& drift, MatrixXd* sums) {
  constexpr double kLongestNs = 1e8;  // the weights are lines, but for their knots
  const auto counted = static_cast<double>(course.part.begin_ns - course.part.origin_ns);
  for (size_t i = 0; i < course.occupancy.pieces(); ++i) {
    const Occupancy::Piece piece = course.occupancy.PieceNumber(i);
    for (double at = std::max(piece.begin_ns, counted); at < piece.end_ns; at += kLongestNs) {
      const double length = std::min(kLongestNs, piece.end_ns - at);
      const SlowDrift::Weights w = drift.At(at + 0.5 * length);
      const auto knot = static_cast<Index>(w.knot);
      for (const Occupancy::Part& part : piece.parts) {
        (*sums)(part.category, knot) += part.share * length * w.first * 1e-9;
        (*sums)(part.category, knot + 1) += part.share * length * w.second * 1e-9;
      }
    }
  }
}

}  // namespace

void CourseTotals::Add(const RunCourse& course, const SlowDrift& drift, const Remapping* map) {
  if (map != nullptr || ops.empty()) Resize(course, drift, map);
  for (size_t i = 0; i < seconds.size(); ++i) seconds[i] += course.seconds[i];
  for (size_t i = 0; i < executions.size(); ++i) executions[i] += course.executions[i];
  iterations += course.iteration_begins.size();
  AddKnotSeconds(course, drift, &knot_seconds);
}

void CourseTotals::Resize(const RunCourse& course, const SlowDrift& drift, const Remapping* map) {
  const CourseTotals before = std::exchange(*this, {});
  ops = course.ops();
  seconds.resize(course.categories());
  executions.resize(ops.size());
  iterations = before.iterations;
  knot_seconds =
      MatrixXd::Zero(static_cast<Index>(seconds.size()), static_cast<Index>(drift.knots()));
  for (size_t i = 0; i < before.seconds.size(); ++i) {
    seconds[map->category[i]] = before.seconds[i];
    if (i < before.executions.size()) executions[map->category[i]] = before.executions[i];
    // A line through the old knots takes the same values through the new ones.
    const Index old_knots = before.knot_seconds.cols();
    knot_seconds.row(map->category[i]) =
        before.knot_seconds.row(static_cast<Index>(i)) *
        map->old_of_new.bottomRightCorner(old_knots, knot_seconds.cols());
  }
}

}  // namespace synergy
