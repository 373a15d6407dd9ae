#include "client/predict/joint_range.h"

#include "client/predict/gram.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Of a column's square, added to it: rows in which features depend on each other exactly leave no
// more than rounding of them.
constexpr double kRounding = 1e-9;

MatrixXd ColumnsOf(const std::vector<std::string>& features, const FeatureTable& table) {
  MatrixXd columns = MatrixXd::Ones(table.rows(), static_cast<Index>(features.size()) + 1);
  for (size_t i = 0; i < features.size(); ++i) {
    columns.col(static_cast<Index>(i) + 1) = *table.Find(features[i]);
  }
  return columns;
}

VectorXd WeightsOf(const VectorXd& values, double least) {
  return (values.array().square() + least * least).inverse();
}

}  // namespace

JointRange JointRangeOf(const FeatureTable& rows, const std::vector<std::string>& features,
                        const VectorXd& values, double least) {
  JointRange out{.features = features, .inverse = {}, .least = least, .most = 0};
  const MatrixXd columns = ColumnsOf(features, rows);
  Gram gram(columns.cols());
  gram.Add(columns, values, WeightsOf(values, least));
  const VectorXd scales = ScalesOf(gram);
  MatrixXd products = ScaledProducts(gram, scales) * gram.rows();
  products.diagonal().array() += kRounding * gram.rows();
  const VectorXd inverse = scales.cwiseInverse();
  out.inverse =
      inverse.asDiagonal() *
      MatrixXd(products.ldlt().solve(MatrixXd::Identity(products.rows(), products.cols()))) *
      inverse.asDiagonal();
  out.most = LeveragesOf(out, rows, values).maxCoeff();
  return out;
}

VectorXd LeveragesOf(const JointRange& range, const FeatureTable& table, const VectorXd& values) {
  const MatrixXd columns = ColumnsOf(range.features, table);
  return (columns * range.inverse)
      .cwiseProduct(columns)
      .rowwise()
      .sum()
      .cwiseProduct(WeightsOf(values, range.least));
}

}  // namespace synergy
