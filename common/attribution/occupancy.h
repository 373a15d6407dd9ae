// What ran at each instant of a run, as pieces of time in which one category runs alone or several
// share. From it come the rows of a regression (which share of a window was whose) and, for given
// powers of the categories, the energy up to an instant.
//
// Times are nanoseconds after `origin`, as doubles: exact to 1 ns over 100 days.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
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
  explicit Occupancy(double begin_ns) : end_(begin_ns) { begins_.push_back(begin_ns); }
  void Append(double end_ns, uint32_t category);
  struct Part {
    uint32_t category = 0;
    double share = 0;
  };
  void Append(double end_ns, std::span<const Part> parts);

  double begin_ns() const { return begins_.front(); }
  double end_ns() const { return end_; }
  size_t pieces() const { return parts_begin_.size(); }
  struct Piece {
    double begin_ns = 0, end_ns = 0;
    std::span<const Part> parts;
  };
  Piece PieceNumber(size_t piece) const {
    const size_t last = piece + 1 < pieces() ? parts_begin_[piece + 1] : parts_.size();
    return {.begin_ns = begins_[piece],
            .end_ns = begins_[piece + 1],
            .parts = {parts_.data() + parts_begin_[piece], last - parts_begin_[piece]}};
  }

  // The shares of [begin, end] within what is known; they add up to 1. Replaces `row`. Nothing is
  // added where the window reaches beyond: false.
  bool Row(double begin_ns, double end_ns, std::vector<RegressionRows::Entry>* row) const;

  // Index of the piece that lasts at `at_ns`, which is clamped to what is known; there is one.
  size_t PieceAt(double at_ns) const;

 private:
  double end_;
  std::vector<double> begins_;         // of the pieces, and the end of the last one
  std::vector<uint32_t> parts_begin_;  // of each piece in parts_
  std::vector<Part> parts_;
  // Index of the piece that lasts at begin + k * kGridNs: windows are looked up millions of times.
  static constexpr double kGridNs = 250e3;
  std::vector<uint32_t> grid_;
};

// The power over time that the categories' powers make. `occupancy` outlives it.
class PowerCourse {
 public:
  PowerCourse(const Occupancy& occupancy, const Eigen::VectorXd& power);

  // Integral of the power from the begin to `at_ns`, which is clamped to what is known; power x ns.
  double EnergyUntil(double at_ns) const;
  double PowerAt(double at_ns) const;
  double Mean(double begin_ns, double end_ns) const {
    return (EnergyUntil(end_ns) - EnergyUntil(begin_ns)) / (end_ns - begin_ns);
  }

 private:
  const Occupancy& occupancy_;
  std::vector<double> power_;   // of each piece
  std::vector<double> energy_;  // up to the begin of each piece
};

}  // namespace synergy
