#include "client/models/find_operator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Model WithOperators(std::initializer_list<const char*> names) {
  Model model;
  model.name = "tiny";
  for (const char* name : names) model.layers.emplace_back().name = name;
  return model;
}

TEST(FindOperator, TakesANameOrAnIndex) {
  const Model model = WithOperators({"conv1", "fire2/squeeze", "pool"});
  EXPECT_EQ(*FindOperator(model, "fire2/squeeze"), 1u);
  EXPECT_EQ(*FindOperator(model, "2"), 2u);
}

TEST(FindOperator, ANameGoesBeforeAnIndex) {
  EXPECT_EQ(*FindOperator(WithOperators({"conv1", "0"}), "0"), 1u);
}

TEST(FindOperator, AnUnknownOneIsRefusedWithNamesLikeIt) {
  const Model model = WithOperators({"conv1", "fire2/squeeze", "fire2/expand"});
  const absl::Status mistyped = FindOperator(model, "conv2").status();
  EXPECT_EQ(mistyped.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(mistyped.message()),
              AllOf(HasSubstr("tiny has no such operator"), HasSubstr("did you mean conv1?")));
  EXPECT_THAT(std::string(FindOperator(model, "fire2").status().message()),
              HasSubstr("did you mean fire2/squeeze, fire2/expand?"));
  EXPECT_THAT(std::string(FindOperator(model, "3").status().message()), HasSubstr("0 to 2"));
}

TEST(FindOperator, ANameOfSeveralNeedsAnIndex) {
  EXPECT_THAT(
      std::string(FindOperator(WithOperators({"relu", "conv", "relu"}), "relu").status().message()),
      HasSubstr("2 operators of that name; give an index: 0, 2"));
}

}  // namespace
}  // namespace synergy
