#include "common/frequency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::HasSubstr;

int64_t Khz(std::string_view text) {
  const absl::StatusOr<Frequency> parsed = ParseFrequency(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? parsed->khz : -1;
}

std::string Refusal(std::string_view text) {
  const absl::StatusOr<Frequency> parsed = ParseFrequency(text);
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
  return parsed.status().ToString();
}

TEST(Frequency, EveryUnitIsExactToTheKilohertz) {
  EXPECT_EQ(Khz("1224MHz"), 1224000);
  EXPECT_EQ(Khz("614.4MHz"), 614400);
  EXPECT_EQ(Khz("76.8 mhz"), 76800);
  EXPECT_EQ(Khz("1.2GHz"), 1200000);
  EXPECT_EQ(Khz("1.234567GHz"), 1234567);
  EXPECT_EQ(Khz("1224000kHz"), 1224000);
  EXPECT_EQ(Khz("1.5000000GHZ"), 1500000);
  EXPECT_EQ(Khz(".5GHz"), 500000);
  EXPECT_EQ(Khz("998.400MHz"), 998400);
  EXPECT_EQ(Khz("1000GHz"), 1000000000);
}

TEST(Frequency, RefusalsSayWhatIsWrong) {
  EXPECT_THAT(Refusal("1224"), HasSubstr("no unit"));
  EXPECT_THAT(Refusal(""), HasSubstr("does not begin with a number"));
  EXPECT_THAT(Refusal("fast"), HasSubstr("does not begin with a number"));
  EXPECT_THAT(Refusal("-5MHz"), HasSubstr("does not begin with a number"));
  EXPECT_THAT(Refusal(".MHz"), HasSubstr("does not begin with a number"));
  EXPECT_THAT(Refusal("12W"), HasSubstr("\"w\" is no unit"));
  EXPECT_THAT(Refusal("12MHz!"), HasSubstr("no unit"));
  EXPECT_THAT(Refusal("1.2.3GHz"), HasSubstr("two points"));
  EXPECT_THAT(Refusal("0.5kHz"), HasSubstr("no whole number of kilohertz"));
  EXPECT_THAT(Refusal("614.4001MHz"), HasSubstr("no whole number of kilohertz"));
  EXPECT_THAT(Refusal("0MHz"), HasSubstr("it is 0"));
  EXPECT_THAT(Refusal("1000.1GHz"), HasSubstr("above 1 THz"));
  EXPECT_THAT(Refusal("99999999999999999999kHz"), HasSubstr("above 1 THz"));
  EXPECT_THAT(Refusal("fast"), HasSubstr("write it like 1224MHz"));
}

TEST(Frequency, WhatIsFormattedIsParsedBack) {
  EXPECT_EQ(FormatFrequency({1224000}), "1224MHz");
  EXPECT_EQ(FormatFrequency({614400}), "614.4MHz");
  EXPECT_EQ(FormatFrequency({76800}), "76.8MHz");
  EXPECT_EQ(FormatFrequency({500}), "0.5MHz");
  for (int64_t khz = 1; khz < 3'000'000; khz += 997) {
    EXPECT_EQ(Khz(FormatFrequency({khz})), khz);
  }
}

}  // namespace
}  // namespace synergy
