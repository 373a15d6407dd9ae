#include "client/predict/column_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Variance inflation above which two columns are called alike: standard errors are a hundredfold.
constexpr double kMostInflation = 1e4;
// A column's part in another's sum, relative to the largest one, that is named.
constexpr double kNamedPart = 1e-3;

// `parts`: of the kept columns in it.
std::string SumText(const std::string& name, const std::vector<std::string>& names,
                    const std::vector<Index>& kept, const VectorXd& parts) {
  std::vector<std::string> of;
  const double most = parts.cwiseAbs().maxCoeff();
  for (size_t i = 0; i < kept.size(); ++i) {
    if (std::abs(parts[static_cast<Index>(i)]) > kNamedPart * most) {
      of.push_back("'" + names[static_cast<size_t>(kept[i])] + "'");
    }
  }
  return fmt::format("'{}' is a sum of {} in these rows", name, fmt::join(of, ", "));
}

}  // namespace

// Cholesky's decomposition, which passes over the columns that are sums of those before.
ChosenColumns ChooseColumns(const Gram& gram, const std::vector<std::string>& names,
                            double least_own) {
  const MatrixXd scaled = ScaledProducts(gram, ScalesOf(gram));
  MatrixXd lower = MatrixXd::Zero(gram.columns(), gram.columns());
  ChosenColumns chosen;
  for (Index column = 0; column < gram.columns(); ++column) {
    const std::string& name = names[static_cast<size_t>(column)];
    const auto count = static_cast<Index>(chosen.kept.size());
    if (!(scaled(column, column) > 0)) {
      chosen.left_out.push_back({column, true, fmt::format("'{}' is 0 in every row", name)});
      continue;
    }
    const MatrixXd known = lower.topLeftCorner(count, count);
    const VectorXd towards = scaled.col(column)(chosen.kept);
    const VectorXd row = known.triangularView<Eigen::Lower>().solve(towards);
    const double own = scaled(column, column) - row.squaredNorm();
    if (own > least_own * scaled(column, column)) {
      lower.row(count).head(count) = row.transpose();
      lower(count, count) = std::sqrt(own);
      chosen.kept.push_back(column);
      continue;
    }
    const VectorXd parts = known.transpose().triangularView<Eigen::Upper>().solve(row);
    chosen.left_out.push_back({column, false, SumText(name, names, chosen.kept, parts)});
  }
  return chosen;
}

std::optional<std::string> FindLikeness(const Gram& gram, const std::vector<std::string>& names) {
  if (gram.columns() < 2) return std::nullopt;
  const MatrixXd scaled = ScaledProducts(gram, ScalesOf(gram));
  Index column = 0, like = 0;
  const double inflation = scaled.inverse().diagonal().maxCoeff(&column);
  if (!(inflation > kMostInflation)) return std::nullopt;
  VectorXd others = scaled.col(column).cwiseAbs();
  others[column] = 0;
  others.maxCoeff(&like);
  return fmt::format(
      "'{}' and '{}' hardly differ in these rows (the variance of a coefficient is {:.1e} times "
      "what it would be otherwise): their energies are known together, and not each",
      names[static_cast<size_t>(column)], names[static_cast<size_t>(like)], inflation);
}

}  // namespace synergy
