// Which columns of a regression its rows tell apart. Pure.
#pragma once

#include <Eigen/Dense>
#include <optional>
#include <string>
#include <vector>

#include "client/predict/gram.h"

namespace synergy {

// A column that says nothing beside others before it.
struct Dependence {
  Eigen::Index column = 0;
  bool is_zero = false;  // in every row; else a sum of others
  std::string words;     // what it is, with names
};
// Columns in their order, without those that are 0 everywhere and those that are sums of kept ones:
// of whose square the sum leaves at most the share `least_own`.
struct ChosenColumns {
  std::vector<Eigen::Index> kept;
  std::vector<Dependence> left_out;
};
ChosenColumns ChooseColumns(const Gram& gram, const std::vector<std::string>& names,
                            double least_own);
// Below, arithmetic cannot tell it from their sum.
inline constexpr double kSingular = 1e-12;

// Which two columns nearly say the same, where coefficients are much less sure for it; nothing:
// none do.
std::optional<std::string> FindLikeness(const Gram& gram, const std::vector<std::string>& names);

}  // namespace synergy
