// Sums of products of a regression's columns, so that rows are read once and leaving a group of
// them out costs a sum. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <vector>

namespace synergy {

// Sums over rows (x, y) with weights: 1 / variance of y, in 1 / (unit of y)^2.
class Gram {
 public:
  explicit Gram(Eigen::Index columns)
      : xx_(Eigen::MatrixXd::Zero(columns, columns)), xy_(Eigen::VectorXd::Zero(columns)) {}

  // `x`: rows x columns.
  void Add(const Eigen::MatrixXd& x, const Eigen::VectorXd& y, const Eigen::VectorXd& weights);
  void Add(const Gram& more);
  Gram Columns(const std::vector<Eigen::Index>& columns) const;  // these alone

  Eigen::Index columns() const { return xy_.size(); }
  double rows() const { return rows_; }
  const Eigen::MatrixXd& xx() const { return xx_; }
  const Eigen::VectorXd& xy() const { return xy_; }
  double yy() const { return yy_; }
  // Weighted sum of squares of what `coefficients` leave.
  double Residual(const Eigen::VectorXd& coefficients) const;

 private:
  Eigen::MatrixXd xx_;
  Eigen::VectorXd xy_;
  double yy_ = 0, rows_ = 0;
};

// Of all but one: a difference would leave rounding where nothing is.
Gram SumWithout(const std::vector<Gram>& grams, size_t out);

// Root mean squares of the columns; 1 of one that is 0 everywhere.
Eigen::VectorXd ScalesOf(const Gram& gram);
// Products of columns that are scaled to a root mean square of 1.
Eigen::MatrixXd ScaledProducts(const Gram& gram, const Eigen::VectorXd& scales);

}  // namespace synergy
