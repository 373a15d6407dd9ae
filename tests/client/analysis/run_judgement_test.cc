#include "client/analysis/run_judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// Idle 2 W before and `after` W after the job, each known to 0.02 W.
RunReport Report(double after_w) {
  RunReport report;
  report.verdict = v1::VERDICT_VALID;
  report.attribution.rails = {"VDD_IN"};
  report.conditions.idle_before = {.time_s = 2, .power_w = {2.0}, .half_width_w = {0.02}};
  report.conditions.idle_after = {.time_s = 2, .power_w = {after_w}, .half_width_w = {0.02}};
  return report;
}

TEST(RunJudgement, AnIdlePowerThatCameBackIsWell) {
  EXPECT_THAT(RecordReasons(Report(2.0), {}), IsEmpty());
  EXPECT_THAT(RecordReasons(Report(2.1), {}), IsEmpty()) << "4.9 %";
}

TEST(RunJudgement, AnIdlePowerThatMovedIsAReason) {
  for (const double after_w : {1.8, 2.2}) {
    EXPECT_THAT(RecordReasons(Report(after_w), {}),
                ElementsAre(AllOf(StartsWith("idle_shifted: VDD_IN drew 2.000 W while idle"),
                                  HasSubstr("at most 5 % are well"))));
  }
}

// 2.12 W: 5.8 %, but only 4.5 % of it for sure.
TEST(RunJudgement, OnlyWhatTheIntervalsLeaveOfTheShiftCounts) {
  EXPECT_THAT(RecordReasons(Report(2.12), {}), IsEmpty());
  EXPECT_THAT(RecordReasons(Report(2.12), {.idle_shift = 0.04}),
              ElementsAre(StartsWith("idle_shifted")));
}

TEST(RunJudgement, NothingIsClaimedOfAnIdlePowerThatIsNotKnown) {
  RunReport report = Report(3);
  report.conditions.idle_after->half_width_w = {std::nullopt};
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "too few readings";
  report.conditions.idle_after.reset();
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty());
}

TEST(RunJudgement, OperatorsThatOverlapAreAReason) {
  RunReport report = Report(2);
  report.attribution.overlapped_s = 0.3;
  report.attribution.inference.time_s = 1;
  ASSERT_GT(report.attribution.overlapped_share().value_or(0), 0.01);
  EXPECT_THAT(RecordReasons(report, {}), ElementsAre(StartsWith("overlap: operators ran at the")));
  EXPECT_THAT(RecordReasons(report, {.overlap = 1}), IsEmpty()) << "the user expects it";
}

TEST(RunJudgement, MakesAValidRunSuspectAndLeavesAnInvalidOneWhatItIs) {
  RunReport report = Report(3);
  JudgeRecords({}, &report);
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_EQ(report.reasons.size(), 1u);
  report = Report(3);
  report.verdict = v1::VERDICT_INVALID;
  JudgeRecords({}, &report);
  EXPECT_EQ(report.verdict, v1::VERDICT_INVALID);
  report = Report(2);
  JudgeRecords({}, &report);
  EXPECT_EQ(report.verdict, v1::VERDICT_VALID);
}

TEST(RunJudgement, ItsLimitsHaveNames) {
  RecordLimits limits;
  ASSERT_TRUE(SetLimit("overlap=50%", Named(limits)).ok());
  ASSERT_TRUE(SetLimit("idle_shift=0.1", Named(limits)).ok());
  EXPECT_EQ(limits.overlap, 0.5);
  EXPECT_EQ(limits.idle_shift, 0.1);
}

}  // namespace
}  // namespace synergy
