// A column of a regression: a product of powers of features, written as it is read: "macs",
// "macs*frequency^2", "bytes*frequency^-1", "1". Pure.
#pragma once

#include <Eigen/Dense>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/predict/feature_table.h"

namespace synergy {

struct Term {
  struct Factor {
    std::string feature;
    int power = 1;
    friend bool operator==(const Factor&, const Factor&) = default;
  };
  std::vector<Factor> factors;  // none: the constant 1

  std::string Text() const;
  bool IsKnown(const FeatureTable& table) const;
  // By row; every feature is there.
  Eigen::VectorXd Values(const FeatureTable& table) const;
  friend bool operator==(const Term&, const Term&) = default;
};

// InvalidArgument where the text is none.
absl::StatusOr<Term> ParseTerm(std::string_view text);
// The same for terms of our own, which are right.
std::vector<Term> Terms(std::initializer_list<std::string_view> texts);

// Both multiplied.
Term Product(const Term& a, const Term& b);

}  // namespace synergy
