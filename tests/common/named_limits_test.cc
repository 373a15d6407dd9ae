#include "common/named_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace synergy {
namespace {

using testing::HasSubstr;

class NamedLimits : public testing::Test {
 protected:
  absl::Status Set(const std::string& text) { return SetLimit(text, limits_); }
  std::string Refusal(const std::string& text) { return std::string(Set(text).message()); }

  double share_ = 0.05;
  double readings_ = 10;
  std::vector<NamedLimit> limits_ = {{.name = "other_cpu", .value = &share_, .share = true},
                                     {.name = "readings", .value = &readings_, .highest = 1e6}};
};

TEST_F(NamedLimits, SharesAreGivenInPercentOrOfOne) {
  EXPECT_TRUE(Set("other_cpu=12.5%").ok());
  EXPECT_DOUBLE_EQ(share_, 0.125);
  EXPECT_TRUE(Set("other_cpu=0.25").ok());
  EXPECT_DOUBLE_EQ(share_, 0.25);
  EXPECT_EQ(LimitText(limits_[0]), "other_cpu=25%");
}

TEST_F(NamedLimits, CountsAreNumbers) {
  EXPECT_TRUE(Set("readings=40").ok());
  EXPECT_EQ(readings_, 40);
  EXPECT_EQ(LimitText(limits_[1]), "readings=40");
  EXPECT_THAT(Refusal("readings=40%"), HasSubstr("readings: give a number from 0 to 1e+06"));
}

TEST_F(NamedLimits, WhatIsNoNumberOfTheRangeIsRefusedAndChangesNothing) {
  for (const char* text : {"other_cpu", "other_cpu=", "other_cpu=%", "other_cpu=a", "other_cpu=-1%",
                           "other_cpu=101%", "other_cpu=nan", "other_cpu=5 %", "other_cpu=5%%"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("other_cpu: give a number from 0% to 100%")) << text;
  }
  EXPECT_EQ(share_, 0.05);
}

TEST_F(NamedLimits, AnUnknownNameIsToldWhatThereIs) {
  EXPECT_THAT(Refusal("other_cpus=5%"), HasSubstr("did you mean 'other_cpu'?"));
  EXPECT_THAT(Refusal("5%"), HasSubstr("other_cpu=5%, readings=10"));
}

}  // namespace
}  // namespace synergy
