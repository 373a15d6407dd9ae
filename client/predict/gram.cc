#include "client/predict/gram.h"

#include <algorithm>

namespace synergy {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

void Gram::Add(const Gram& more) {
  xx_ += more.xx_;
  xy_ += more.xy_;
  yy_ += more.yy_;
  rows_ += more.rows_;
}

void Gram::Add(const MatrixXd& x, const VectorXd& y, const VectorXd& weights) {
  const MatrixXd weighted = weights.asDiagonal() * x;
  xx_.noalias() += x.transpose() * weighted;
  xy_.noalias() += weighted.transpose() * y;
  yy_ += y.dot(weights.cwiseProduct(y));
  rows_ += static_cast<double>(x.rows());
}

Gram Gram::Columns(const std::vector<Index>& columns) const {
  Gram of(0);
  of.xx_ = xx_(columns, columns);
  of.xy_ = xy_(columns);
  of.yy_ = yy_;
  of.rows_ = rows_;
  return of;
}

Gram SumWithout(const std::vector<Gram>& grams, size_t out) {
  Gram sum(grams[out].columns());
  for (size_t i = 0; i < grams.size(); ++i) {
    if (i != out && grams[i].rows() > 0) sum.Add(grams[i]);
  }
  return sum;
}

double Gram::Residual(const VectorXd& coefficients) const {
  return std::max(0.0, yy_ - 2 * coefficients.dot(xy_) + coefficients.dot(xx_ * coefficients));
}

VectorXd ScalesOf(const Gram& gram) {
  VectorXd scales = (gram.xx().diagonal() / std::max(gram.rows(), 1.0)).cwiseMax(0).cwiseSqrt();
  for (double& scale : scales) {
    if (!(scale > 0)) scale = 1;
  }
  return scales;
}

MatrixXd ScaledProducts(const Gram& gram, const VectorXd& scales) {
  const VectorXd inverse = scales.cwiseInverse();
  return inverse.asDiagonal() * gram.xx() * inverse.asDiagonal() / std::max(gram.rows(), 1.0);
}

}  // namespace synergy
