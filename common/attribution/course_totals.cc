#include "common/attribution/course_totals.h"

#include <algorithm>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::Matrix2Xd;
using Eigen::MatrixXd;
using Eigen::Vector2d;

void AddKnotSeconds(const RunCourse& course, const SlowDrift& drift, MatrixXd* sums) {
  constexpr double kLongestNs = 1e8;  // the weights are lines, but for their knots
  const auto counted = static_cast<double>(course.part.begin_ns - course.part.origin_ns);
  // Of the two knots around now: thousands of pieces lie between them.
  Matrix2Xd around = Matrix2Xd::Zero(2, sums->rows());
  size_t knot = 0;
  const auto gather = [&] {
    sums->middleCols<2>(static_cast<Index>(knot)) += 1e-9 * around.transpose();
    around.setZero();
  };
  for (size_t i = 0; i < course.occupancy.pieces(); ++i) {
    const Occupancy::Piece piece = course.occupancy.PieceNumber(i);
    for (double at = std::max(piece.begin_ns, counted); at < piece.end_ns; at += kLongestNs) {
      const double length = std::min(kLongestNs, piece.end_ns - at);
      const SlowDrift::Weights w = drift.At(at + 0.5 * length);
      if (w.knot != knot) {
        gather();
        knot = w.knot;
      }
      const Vector2d both = length * Vector2d(w.first, w.second);
      for (const Occupancy::Part& part : piece.parts) {
        around.col(part.category) += part.share * both;
      }
    }
  }
  gather();
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
