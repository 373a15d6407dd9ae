// What ran at each instant of a run, as pieces of time in which one category runs alone or several
// share. From it come the rows of a regression (which share of a window was whose) and, for given
// powers of the categories, the energy up to an instant.
//
// Times are nanoseconds after `origin`, as doubles: exact to 1 ns over 100 days.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/attribution/rounded_regression.h"

namespace synergy {

// Thread-compatible.
class Occupancy {
 public:
  // Pieces come in order and without holes: from where the last one ended to `end_ns`, `category`
  // ran. Categories that share an instant: one call with each, `share` adding up to 1, and the same
  // end. A piece without length is none.
  explicit Occupancy(double begin_ns) : end_(begin_ns), begins_{begin_ns} {}
  void Append(double end_ns, uint32_t category);
  struct Part {
    uint32_t category = 0;
    double share = 0;
  };
  void Append(double end_ns, std::span<const Part> parts);
  // Room for so many pieces more.
  void Reserve(size_t pieces);

  double begin_ns() const { return begins_.front(); }
  double end_ns() const { return end_; }
  size_t pieces() const { return who_.size(); }
  struct Piece {
    double begin_ns = 0, end_ns = 0;
    std::span<const Part> parts;
  };
  Piece PieceNumber(size_t piece) const {
    return {.begin_ns = begins_[piece],
            .end_ns = begins_[piece + 1],
            .parts = {parts_.data() + who_[piece].first, who_[piece].count}};
  }

  // The shares of [begin, end] within what is known; they add up to 1. Replaces `row`. Nothing is
  // added where the window reaches beyond: false.
  // `near`: piece where to look first and where the window began; windows that are asked for in
  // order are next to each other.
  bool Row(double begin_ns, double end_ns, std::vector<RegressionRows::Entry>* row,
           size_t* near) const;

  // Index of the piece that lasts at `at_ns`, which is clamped to what is known; there is one.
  size_t PieceAt(double at_ns) const;
  // `near`: where to look first.
  size_t PieceAt(double at_ns, size_t near) const {
    constexpr size_t kNear = 32;
    const size_t last = std::min(near + kNear, pieces() - 1);
    size_t piece = std::min(near, last);
    if (begins_[piece] > at_ns) return PieceAt(at_ns);
    while (piece < last && begins_[piece + 1] <= at_ns) ++piece;
    return piece < last || piece + 1 == pieces() ? piece : PieceAt(at_ns);
  }

 private:
  struct Who {
    uint32_t first = 0, count = 0;  // in parts_
  };
  Who Alone(uint32_t category);
  Who Add(std::span<const Part> parts);

  double end_;
  std::vector<double> begins_;  // of the pieces, and the end of the last one
  std::vector<Who> who_;        // by piece
  std::vector<Part> parts_;     // those that share, and one of each category that runs alone
  std::vector<Who> alone_;      // by category; none: it never did
  // Index of the piece that lasts at begin + k * kGridNs: windows are looked up millions of times.
  static constexpr double kGridNs = 250e3;
  std::vector<uint32_t> grid_;
};

// The power over a window.
struct WindowPower {
  double mean = 0;
  double edge = 0;       // power at its end less that at its begin
  double steady_ns = 0;  // as much earlier or later the mean changes along with the edge
};

// The power over time that the categories' powers make. `occupancy` outlives it.
class PowerCourse {
 public:
  PowerCourse(const Occupancy& occupancy, const Eigen::VectorXd& power);

  struct Point {
    double energy = 0;  // integral of the power from the begin; power x ns
    double power = 0;
    double steady_ns = 0;  // to the nearest change of what runs, before or after
  };
  // At an instant, which is clamped to what is known. `near`: piece where to look first and where
  // it was found; instants that are asked for in order are next to each other.
  Point At(double at_ns, size_t* near) const {
    if (occupancy_.pieces() == 0) return {};
    const double at = std::clamp(at_ns, occupancy_.begin_ns(), occupancy_.end_ns());
    *near = occupancy_.PieceAt(at, *near);
    const Occupancy::Piece piece = occupancy_.PieceNumber(*near);
    const PieceEnergy& p = pieces_[*near];
    return {.energy = p.before + p.power * (at - piece.begin_ns),
            .power = p.power,
            .steady_ns = std::min(at - piece.begin_ns, piece.end_ns - at)};
  }

  // `near`: as above, of the window's begin; the course may be another one of the same occupancy.
  WindowPower Over(double begin_ns, double end_ns, size_t* near) const {
    const Point begin = At(begin_ns, near);
    size_t near_end = *near;
    const Point end = At(end_ns, &near_end);
    return {.mean = (end.energy - begin.energy) / (end_ns - begin_ns),
            .edge = end.power - begin.power,
            .steady_ns = std::min(begin.steady_ns, end.steady_ns)};
  }

  double EnergyUntil(double at_ns) const { return At(at_ns).energy; }
  double PowerAt(double at_ns) const { return At(at_ns).power; }
  double Mean(double begin_ns, double end_ns) const {
    return (EnergyUntil(end_ns) - EnergyUntil(begin_ns)) / (end_ns - begin_ns);
  }

 private:
  Point At(double at_ns) const;

  struct PieceEnergy {
    double power, before;  // before: the energy until its begin
  };
  const Occupancy& occupancy_;
  std::unique_ptr<PieceEnergy[]> pieces_;
};

// For windows that are asked for one after the other.
class WindowCursor {
 public:
  explicit WindowCursor(const PowerCourse& course) : course_(course) {}
  WindowPower Over(double begin_ns, double end_ns) {
    return course_.Over(begin_ns, end_ns, &near_);
  }

 private:
  const PowerCourse& course_;
  size_t near_ = 0;
};

}  // namespace synergy
