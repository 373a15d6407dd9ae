#include "common/reading_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace synergy {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

ReadingCount Count(uint64_t readings, uint64_t repeats = 0) {
  return {.rail = "VDD_IN", .readings = readings, .repeats = repeats};
}

TEST(ReadingCounts, EnoughOfEachRailAreWell) {
  EXPECT_THAT(JudgeCounts({}, 5), IsEmpty()) << "nothing is known";
  EXPECT_THAT(JudgeCounts(std::array{Count(10), Count(1000, 900)}, 5), IsEmpty());
}

TEST(ReadingCounts, NothingAtAllIsInvalid) {
  const auto faults = JudgeCounts(std::array{Count(0), Count(0)}, 5);
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_EQ(faults[0].verdict, v1::VERDICT_INVALID);
}

TEST(ReadingCounts, ARailThatWasReadTooSeldomIsSuspect) {
  const auto faults = JudgeCounts(std::array{Count(0), Count(100)}, 5);
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_EQ(faults[0].verdict, v1::VERDICT_SUSPECT);
  EXPECT_EQ(faults[0].code, ReasonCode::kFewReadings);
  EXPECT_THAT(JudgeCounts(std::array{Count(9)}, 5, 9), IsEmpty());
}

TEST(ReadingCounts, ConversionsAreNeededForEachOperator) {
  for (const ReadingCount& rail : {Count(19), Count(100, 81)}) {
    const auto faults = JudgeCounts(std::array{rail}, 20);
    ASSERT_THAT(faults, SizeIs(1));
    EXPECT_EQ(faults[0].code, ReasonCode::kFewFresh);
    EXPECT_THAT(JudgeCounts(std::array{rail}, 19), IsEmpty());
  }
}

}  // namespace
}  // namespace synergy
