// Sums over the rows of a regression: of their entries, and of their outer products. Pure.
#pragma once

#include <Eigen/Dense>
#include <array>
#include <cstdint>
#include <span>

#include "common/attribution/rounded_regression.h"

namespace synergy {

// The entries of a row's lines are those of many rows on end: what they have in common with its
// other entries is gathered beside it, and with it what is summed by entry. Thread-compatible.
class RowSums {
 public:
  // `size`: of the sums. `lines_from`: as of the rows (RegressionRows).
  RowSums(Eigen::Index size, uint32_t lines_from);

  // Adds `first` and `second` times each entry, `weight` times each product of two.
  void Add(std::span<const RegressionRows::Entry> entries, double weight, double first,
           double second);

  // The lower triangle.
  const Eigen::MatrixXd& products();
  const Eigen::VectorXd& seconds();
  // Since they were taken last.
  Eigen::VectorXd TakeFirsts();

 private:
  static constexpr Eigen::Index kMostLines = RegressionRows::kMostLines;
  static constexpr Eigen::Index kFirst = kMostLines, kSecond = kFirst + 1, kBeside = kSecond + 1;
  using Beside = Eigen::Matrix<double, kBeside, 1>;  // of each line's entry, and what is summed

  void SetLines(std::span<const RegressionRows::Entry> entries);
  void Gather();
  void GatherEntries(Eigen::Index which, Eigen::VectorXd* sums);

  const uint32_t lines_from_;
  Eigen::MatrixXd products_;
  Eigen::VectorXd firsts_, seconds_;
  Eigen::Index lines_ = 0;
  std::array<uint32_t, kMostLines> parameters_{};          // of the lines' entries
  Beside values_ = Beside::Zero();                         // theirs in this row
  Eigen::Matrix<double, kBeside, Eigen::Dynamic> beside_;  // by parameter of other entries
  Eigen::Matrix<double, kBeside, kMostLines> between_;     // by line
};

}  // namespace synergy
