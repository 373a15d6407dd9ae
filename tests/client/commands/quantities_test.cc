#include "client/commands/quantities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

TEST(ParseDuration, TakesSecondsAndUnits) {
  EXPECT_EQ(*ParseDuration("90"), 90);
  EXPECT_EQ(*ParseDuration("90s"), 90);
  EXPECT_EQ(*ParseDuration("10min"), 600);
  EXPECT_EQ(*ParseDuration("30m"), 1800);
  EXPECT_EQ(*ParseDuration("1.5h"), 5400);
  EXPECT_DOUBLE_EQ(*ParseDuration("2ms"), 0.002);
  EXPECT_DOUBLE_EQ(*ParseDuration("800us"), 0.0008);
}

TEST(ParseDuration, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "min", "2 m", "-1", "-0s", "nan", "inf", "1e999", "1e308h", "10minutes"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(ParseShare, TakesPercentAndShares) {
  EXPECT_DOUBLE_EQ(*ParseShare("2%"), 0.02);
  EXPECT_DOUBLE_EQ(*ParseShare("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(*ParseShare("0.02"), 0.02);
  EXPECT_DOUBLE_EQ(*ParseShare("100%"), 1);
}

TEST(ParseShare, RefusesWhatIsNoShare) {
  for (const char* text : {"", "%", "-1%", "200%", "nan%", "2 %", "2pc", "1e999"}) {
    EXPECT_FALSE(ParseShare(text).ok()) << text;
  }
}

TEST(ParseShare, AsksBackWhereThePercentSignWasForgotten) {
  EXPECT_THAT(std::string(ParseShare("2").status().message()),
              testing::HasSubstr("2 is 200 %: give 2% where that is meant"));
}

TEST(ParseIncrease, GoesBeyondTheWholeToABound) {
  EXPECT_DOUBLE_EQ(*ParseIncrease("2%"), 0.02);
  EXPECT_DOUBLE_EQ(*ParseIncrease("0.5"), 0.5);
  EXPECT_DOUBLE_EQ(*ParseIncrease("150%"), 1.5);
  EXPECT_DOUBLE_EQ(*ParseIncrease("1000%"), 10);
  EXPECT_FALSE(ParseIncrease("-1%").ok());
  EXPECT_THAT(std::string(ParseIncrease("1001%").status().message()),
              testing::HasSubstr("1001% is more than 1000%, the highest that is taken"));
  EXPECT_THAT(std::string(ParseIncrease("2").status().message()),
              testing::HasSubstr("2 is 200 %: give 2% where that is meant"));
}

}  // namespace
}  // namespace synergy
