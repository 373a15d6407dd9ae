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

// 2.12 W: 5.8 %, but only 3.9 % of it for sure.
TEST(RunJudgement, OnlyWhatTheIntervalsLeaveOfTheShiftCounts) {
  EXPECT_THAT(RecordReasons(Report(2.12), {}), IsEmpty());
  EXPECT_THAT(RecordReasons(Report(2.12), {.idle_shift = 0.035}),
              ElementsAre(StartsWith("idle_shifted")));
}

// A rail that moves by next to nothing over the border of a step reads a whole step more: half a
// step each, 0.1 W, leaves it all open.
TEST(RunJudgement, AWholeStepOfAQuietSensorIsNoShift) {
  RunReport report = Report(2.199);
  report.conditions.idle_before->half_width_w = {0.1};
  report.conditions.idle_after->half_width_w = {0.1};
  EXPECT_THAT(RecordReasons(report, {.idle_shift = 0.0}), IsEmpty());
}

TEST(RunJudgement, OfAnIdlePowerWithoutAnIntervalOnlyALargeShiftIsClaimed) {
  RunReport report = Report(2.4);
  report.conditions.idle_after->half_width_w = {std::nullopt};
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "a fifth is left open";
  report = Report(3);
  report.conditions.idle_after->half_width_w = {std::nullopt};
  EXPECT_THAT(RecordReasons(report, {}), ElementsAre(StartsWith("idle_shifted: ")));
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
  JudgeRecords({}, &report);
  EXPECT_EQ(report.reasons.size(), 1u) << "it was said";
  report = Report(3);
  report.verdict = v1::VERDICT_INVALID;
  JudgeRecords({}, &report);
  EXPECT_EQ(report.verdict, v1::VERDICT_INVALID);
  report = Report(2);
  JudgeRecords({}, &report);
  EXPECT_EQ(report.verdict, v1::VERDICT_VALID);
}

// A rail of 5 W in operators, of steps of 10 mW, and a fit that has nothing against it.
RunReport Fitted() {
  RunReport report = Report(2);
  report.attribution.inference = {.time_s = 2, .energy_j = {10.0}};
  RailEnergy rail;
  rail.rail = "VDD_IN";
  rail.inference_j = {.mean = 5, .low = 4.9, .high = 5.1};
  rail.operators_j = 10;
  rail.between_j = 0.1;
  rail.integral_j = 10.11;
  rail.step_w = 0.01;
  rail.noise_steps = 0.3;
  rail.drift_w = {.mean = 0.1, .low = 0.09, .high = 0.11};
  report.estimates = {rail};
  return report;
}

TEST(RunJudgement, AFitThatHoldsIsWell) { EXPECT_THAT(RecordReasons(Fitted(), {}), IsEmpty()); }

TEST(RunJudgement, ADriftOfMoreThanWarmthMakesIsAReason) {
  RunReport report = Fitted();
  report.estimates[0]->drift_w = {.mean = 1.7, .low = 1.4, .high = 2};
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "perhaps 28 %";
  report.estimates[0]->drift_w = {.mean = 1.7, .low = 1.6, .high = 1.8};
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(StartsWith("drift_beyond_model: the power of VDD_IN rose or fell by "
                                     "1.700 W over the run, whatever ran: 34 % ± 2 of")));
  EXPECT_THAT(RecordReasons(report, {.drift = 0.4}), IsEmpty());
  report.estimates[0]->step_w = 2;
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "less than a step";
}

TEST(RunJudgement, ReadingsThatTheModelDoesNotExplainAreAReason) {
  RunReport report = Fitted();
  report.estimates[0]->noise_steps = 60;
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(StartsWith("residual_too_large: single readings of VDD_IN are off by "
                                     "0.600 W")));
  EXPECT_THAT(RecordReasons(report, {.residual = 0.2}), IsEmpty());
  v1::ChannelInfo& channel = *report.header.add_channels();
  channel.set_rail("VDD_IN");
  channel.set_quantity(v1::ChannelInfo::QUANTITY_POWER);
  channel.set_noise_steps(60);
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "the sensor says that it is so noisy";
}

// Windows of 50 ms are cut at both ends, where 5 W begin and 2 W end.
TEST(RunJudgement, WindowsThatAreCutAtTheEndsAreNoFaultOfTheBooks) {
  RunReport report = Fitted();
  report.estimates[0]->idle_w = {.mean = 2, .low = 1.99, .high = 2.01};
  report.estimates[0]->integral_j = 10.43;
  const auto is_reason = ElementsAre(StartsWith("residual_too_large: the books of VDD_IN"));
  EXPECT_THAT(RecordReasons(report, {}), is_reason) << "3.2 %";
  v1::ChannelInfo* channel = report.header.add_channels();
  channel->set_rail("VDD_IN");
  channel->mutable_window()->set_slot_s(0.05);
  EXPECT_THAT(RecordReasons(report, {}), is_reason) << "its stamps are no windows";
  channel->mutable_window()->set_stamps_are_window(true);
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty());
  report.estimates[0]->residual_j = 0.33;
  EXPECT_THAT(RecordReasons(report, {}), is_reason) << "the powers are off";
}

TEST(RunJudgement, BooksThatDoNotCloseAreAReason) {
  RunReport report = Fitted();
  report.estimates[0]->integral_j = 10.4;
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(StartsWith("residual_too_large: the books of VDD_IN do not close: "
                                     "+0.300 J (+2.9 %)")));
  EXPECT_THAT(RecordReasons(report, {.books = 0.05}), IsEmpty());
  report.estimates[0]->integral_j = 10.1;
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty());
  report.estimates[0]->residual_j = -0.25;
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(StartsWith("residual_too_large: the books of VDD_IN do not close: "
                                     "-0.250 J (-2.5 %)")));
  report.estimates[0]->why_not = "nothing is known";
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty());
}

// 5 W in operators.
RunReport Smeared(double idle_w) {
  RunReport report = Fitted();
  report.attribution.iterations = 4;
  RailEnergy& rail = *report.estimates[0];
  rail.windows = WindowKind::kSmeared;
  rail.inference_j = {.mean = 2.5, .low = 2.4975, .high = 2.5025};
  rail.idle_w = Estimate{.mean = idle_w, .low = idle_w, .high = idle_w};
  return report;
}

TEST(RunJudgement, ASensorThatWasStuckForAPartOfTheRunIsAReason) {
  RunReport report = Fitted();
  report.estimates[0]->readings = 900;
  report.estimates[0]->stuck = 100;
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(StartsWith("never_changed: the sensor of VDD_IN said one number through "
                                     "100 of its 1000 readings")));
}

TEST(RunJudgement, StampsThatWereMovedAreAReason) {
  RunReport report = Fitted();
  report.estimates[0]->delay_s = -3e-3;
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(AllOf(StartsWith("stamps_late: the readings of VDD_IN"),
                                HasSubstr("3.000 ms early"))));
  report.estimates[0]->delay_s = 1e-4;
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "a counter's latency";
  report.estimates[0]->delay_s = 5e-3;
  report.estimates[0]->windows = WindowKind::kFitted;
  report.attribution.iterations = 300;
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "they are found anyway";
}

TEST(RunJudgement, APowerBelowNothingIsAReason) {
  RunReport report = Fitted();
  RailEnergy other = *report.estimates[0];
  other.rail = "VDD_CPU";
  other.inference_j = {.mean = -1, .low = -1.1, .high = -0.9};
  report.estimates.push_back(other);
  EXPECT_THAT(RecordReasons(report, {}), ElementsAre(StartsWith("negative_power: VDD_CPU drew")));
  report.estimates[1]->inference_j = {.mean = -1, .low = -2.1, .high = 0.1};
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "it may have drawn a little";
}

TEST(RunJudgement, ARunOfWhichNoRailsEnergyIsKnownIsSuspect) {
  RunReport report = Fitted();
  report.estimates[0]->inference_j = {.mean = 1, .low = -0.5, .high = 2.5};
  EXPECT_THAT(RecordReasons(report, {}), ElementsAre(StartsWith("energy_unknown: ")));
  report.estimates[0]->why_not = "too few readings";
  report.attribution.inference.energy_j = {std::nullopt};
  EXPECT_THAT(RecordReasons(report, {}), ElementsAre(StartsWith("energy_unknown: ")));
  report.attribution.inference.energy_j = {5.0};
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "the whole network's is known";
}

TEST(RunJudgement, WindowsThatCouldNotBeFoundOfARailThatMovesAreAReason) {
  RunReport report = Smeared(2);
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(AllOf(StartsWith("windows_not_found: VDD_IN: when the sensor converted"),
                                HasSubstr("of 4 iterations"), HasSubstr("may miss"),
                                HasSubstr("measure more iterations"))));
  report.estimates.push_back(report.estimates[0]);
  report.estimates[1]->rail = "VDD_CPU";
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(StartsWith("windows_not_found: VDD_IN, VDD_CPU: ")));
  for (const WindowKind kind : {WindowKind::kKnown, WindowKind::kFiltered}) {
    report = Smeared(2);
    report.estimates[0]->windows = kind;
    EXPECT_THAT(RecordReasons(report, {}), IsEmpty());
  }
}

TEST(RunJudgement, WindowsThatWereFoundFromFewIterationsAreAReason) {
  RunReport report = Smeared(2);
  report.estimates[0]->windows = WindowKind::kFitted;
  report.attribution.iterations = 9;
  EXPECT_THAT(RecordReasons(report, {}),
              ElementsAre(AllOf(StartsWith("windows_unsure: VDD_IN: when the sensor converted"),
                                HasSubstr("of 9 iterations (at least 10 are well)"),
                                HasSubstr("measure more iterations"))));
  EXPECT_THAT(RecordReasons(report, {.iterations = 9}), IsEmpty());
  report.attribution.iterations = 10;
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty());
}

// Nobody could place the windows of such a rail.
TEST(RunJudgement, WindowsOfARailThatHardlyMovesMayBeAnywhere) {
  EXPECT_THAT(RecordReasons(Smeared(4.985), {}), IsEmpty()) << "1.5 steps";
  EXPECT_THAT(RecordReasons(Smeared(4.9775), {}), IsEmpty()) << "2.25 steps +/- 0.5";
  EXPECT_THAT(RecordReasons(Smeared(4.97), {}), ElementsAre(StartsWith("windows_not_found")));
  RunReport report = Smeared(2);
  report.estimates[0]->between_w = Estimate{.mean = 5, .low = 5, .high = 5};
  report.estimates[0]->idle_w.reset();
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty()) << "as between operators";
  report.estimates[0]->why_not = "nothing is known";
  EXPECT_THAT(RecordReasons(report, {}), IsEmpty());
}

TEST(RunJudgement, ItsLimitsHaveNames) {
  RecordLimits limits;
  ASSERT_TRUE(SetLimit("overlap=50%", Named(limits)).ok());
  ASSERT_TRUE(SetLimit("idle_shift=0.1", Named(limits)).ok());
  EXPECT_EQ(limits.overlap, 0.5);
  EXPECT_EQ(limits.idle_shift, 0.1);
  for (const char* limit : {"drift=20%", "residual=20%", "books=20%"}) {
    ASSERT_TRUE(SetLimit(limit, Named(limits)).ok()) << limit;
  }
  EXPECT_EQ(limits.drift + limits.residual + limits.books, 0.2 + 0.2 + 0.2);
  ASSERT_TRUE(SetLimit("iterations=5", Named(limits)).ok());
  EXPECT_EQ(limits.iterations, 5);
}

}  // namespace
}  // namespace synergy
