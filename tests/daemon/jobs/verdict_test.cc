#include "daemon/jobs/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

RunFacts Good() {
  RunFacts facts;
  facts.measured = facts.expected = 300;
  v1::SourceStats source;
  source.set_source("ina3221 0x40");
  source.set_ticks(10000);
  source.set_missed(100);  // just not too many
  facts.sources = {source};
  facts.rails = {{.rail = "VDD_IN", .readings = 100}, {.rail = "VDD_CPU", .readings = 100}};
  facts.iterations = 100;
  return facts;
}

TEST(Verdict, ACompleteRunIsValid) {
  const Judgement judgement = Judge(Good());
  EXPECT_EQ(judgement.verdict, v1::VERDICT_VALID);
  EXPECT_THAT(judgement.reasons, IsEmpty());
}

RunFacts Precise(double widest, const std::string& why_not = "") {
  RunFacts facts = Good();
  v1::MeasuredBlock block;
  block.set_iterations(412);
  block.set_time_s(59.7);
  block.set_rail("VDD_IN");
  block.set_widest_interval(widest);
  block.set_why_not(why_not);
  facts.precision = {.target = 0.02, .max_s = 60, .blocks = {block}};
  return facts;
}

TEST(Verdict, ARunAsPreciseAsItWasAskedToBeIsValid) {
  EXPECT_EQ(Judge(Precise(0.02)).verdict, v1::VERDICT_VALID);
}

TEST(Verdict, ARunThatIsNotPreciseEnoughIsSuspectAndSaysHowPreciseItIs) {
  const Judgement judgement = Judge(Precise(0.0312));
  EXPECT_EQ(judgement.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(judgement.reasons,
              ElementsAre("precision_not_reached: the widest interval is 3.1 % on VDD_IN after 412 "
                          "iterations in 60 s, and 2 % were asked for; allow more time "
                          "(--max-time, 60 s here, which must hold another block of iterations "
                          "and the decision after it)"));
  EXPECT_THAT(Judge(Precise(0, "too few readings")).reasons,
              ElementsAre(AllOf(HasSubstr("VDD_IN"), HasSubstr("too few readings"))));
}

TEST(Verdict, AJobThatWasCutShortIsNotBlamedForItsPrecision) {
  RunFacts facts = Precise(0.0312);
  facts.state = v1::JOB_STATE_CANCELLED;
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("job_cancelled")));
}

TEST(Verdict, MoreThanOnePercentOfMissedTicksIsSuspect) {
  RunFacts facts = Good();
  facts.sources[0].set_missed(101);
  const Judgement judgement = Judge(facts);
  EXPECT_EQ(judgement.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(judgement.reasons,
              ElementsAre("ticks_missed: 1.0 % of the 10000 ticks of ina3221 0x40 were missed"));
}

TEST(Verdict, FailedReadsCountLikeMissedOnes) {
  RunFacts facts = Good();
  facts.sources[0].set_failed(200);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("reads_failed: 2.0 %")));
}

TEST(Verdict, ASourceThatWasNeverReadOrFailedIsSuspect) {
  RunFacts facts = Good();
  facts.sources[0].set_ticks(0);
  facts.failed_sources = {"ina3221 0x40: it is gone"};
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons,
              ElementsAre(StartsWith("no_readings"), StartsWith("source_failed: ina3221 0x40")));
}

TEST(Verdict, FewerThanTenReadingsOfARailAreSuspect) {
  RunFacts facts = Good();
  facts.iterations = 5;
  facts.rails[1].readings = 10;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID);
  facts.rails[1].readings = 9;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons,
              ElementsAre(StartsWith("few_readings: VDD_CPU was read 9 times")));
}

// Least squares put the readings of all iterations together.
TEST(Verdict, FewerReadingsThanIterationsAreWell) {
  RunFacts facts = Good();
  facts.rails[0].readings = 99;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID);
}

TEST(Verdict, AMeasuredPhaseInWhichNothingWasReadIsInvalid) {
  RunFacts facts = Good();
  for (auto& rail : facts.rails) rail.readings = 0;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_INVALID);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("few_readings: no rail")));
}

TEST(Verdict, AJobThatNoReadingsEncloseIsSuspect) {
  for (const bool before : {false, true}) {
    RunFacts facts = Good();
    facts.read_before = before;
    facts.read_after = !before;
    EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
    EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("edge_unread")));
  }
}

RunFacts Filtered(double measured_s, double longest_s) {
  RunFacts facts = Good();
  for (auto& rail : facts.rails) rail.window_s = 0.422;
  facts.measured_s = measured_s;
  facts.operator_s = {1e-3, longest_s};
  return facts;
}

TEST(Verdict, AJobThatIsNotManyTimesAsLongAsAFiltersWindowIsSuspect) {
  const Judgement judgement = Judge(Filtered(0.1, 0.5));
  EXPECT_EQ(judgement.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(judgement.reasons,
              ElementsAre("window_long: VDD_IN, VDD_CPU: a reading takes 422 ms together, and the "
                          "measured phase took 100 ms: at least 4.22 s are needed for its joules, "
                          "so measure more iterations (--iterations 4220); synergyctl doctor says "
                          "what makes the sensor faster"));
  EXPECT_EQ(Judge(Filtered(4.23, 0.5)).verdict, v1::VERDICT_VALID);
}

TEST(Verdict, AWindowLongerThanEveryOperatorIsSuspectHoweverLongTheJobIs) {
  const Judgement judgement = Judge(Filtered(60, 31e-3));
  EXPECT_EQ(judgement.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(judgement.reasons,
              ElementsAre(HasSubstr("a reading takes 422 ms together, and all 2 operators are "
                                    "shorter (the longest takes 31 ms)")));
  EXPECT_THAT(Judge(Filtered(0.1, 31e-3)).reasons,
              ElementsAre(AllOf(HasSubstr("took 100 ms"), HasSubstr("all 2 operators"))));
}

// Least squares over many iterations do, and their intervals say how well.
TEST(Verdict, AWindowLongerThanEveryOperatorIsWellWhereTheyAreToldApartAllTheSame) {
  RunFacts facts = Filtered(60, 31e-3);
  for (auto& rail : facts.rails) rail.separates = true;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID);
  facts.measured_s = 0.1;
  EXPECT_THAT(Judge(facts).reasons,
              ElementsAre(AllOf(HasSubstr("took 100 ms"), Not(HasSubstr("operators")))));
}

TEST(Verdict, OnlyTheRailWithTheLongWindowIsNamedAndNothingIsClaimedOfAnUnknownOne) {
  RunFacts facts = Filtered(0.1, 0.5);
  facts.rails[0].window_s = 0.84e-3;
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("window_long: VDD_CPU: ")));
  facts.rails[1].window_s.reset();
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID);
}

TEST(Verdict, AFixedClockThatWasElsewhereIsSuspect) {
  RunFacts facts = Good();
  facts.moved_clocks = {{.code = ReasonCode::kClockMoved, .text = "policy0 was fixed at 1224MHz"}};
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre("clock_moved: policy0 was fixed at 1224MHz"));
}

TEST(Verdict, MarkersOfAClockThatWentAstrayAreSuspectWithTheWorstError) {
  RunFacts facts = Good();
  facts.clock_error_ns = kMaxClockErrorNs;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID);
  facts.clock_error_ns = 900'000;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons,
              ElementsAre(AllOf(StartsWith("clock_astray"), HasSubstr("900.0 us"))));
}

TEST(Verdict, DroppedMarkersAreSuspectAndTheMissingOnesAreNotCountedTwice) {
  RunFacts facts = Good();
  facts.markers_dropped = 7;
  facts.measured = 293;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(HasSubstr("lost 7 markers")));
}

TEST(Verdict, MarkersThatNeverCameAreSuspect) {
  RunFacts facts = Good();
  facts.measured = 299;
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("markers_missing: 299 ")));
}

TEST(Verdict, RecordsThatTheDiskCouldNotTakeAreSuspect) {
  RunFacts facts = Good();
  facts.records_dropped = 512;
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("records_dropped")));
}

TEST(Verdict, ASensorThatSeemsToBeStuckIsSuspect) {
  RunFacts facts = Good();
  facts.never_changed = {"VDD_CPU was 0.3 (A or W) in all of 900 readings"};
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("never_changed: VDD_CPU was 0.3")));
}

TEST(Verdict, GarbageInTheRingIsInvalidWhateverElseIsWrong) {
  RunFacts facts = Good();
  facts.garbage = "operator 4711 of a net of 3";
  facts.markers_dropped = 1;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_INVALID);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("ring_garbage: operator 4711"),
                                                StartsWith("markers_dropped")));
}

TEST(Verdict, StampsThatAreLateAreSuspect) {
  RunFacts facts = Good();
  facts.late_stamps = {"exec 1: VDD: lines come at least 589 ms after their times"};
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("stamps_late: exec 1: VDD")));
}

TEST(Verdict, AFailedJobIsInvalid) {
  RunFacts facts = Good();
  facts.state = v1::JOB_STATE_FAILED;
  facts.error = "the engine was killed by SIGSEGV";
  facts.measured = 10;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_INVALID);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre("job_failed: the engine was killed by SIGSEGV"));
}

TEST(Verdict, ACancelledJobKeepsWhatItMeasuredAsSuspect) {
  RunFacts facts = Good();
  facts.state = v1::JOB_STATE_CANCELLED;
  facts.error = "cancelled on request";
  facts.measured = 10;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(HasSubstr("10 of 300 executions")));
  facts.measured = 0;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_INVALID) << "nothing was measured";
}

TEST(Verdict, ReadingsThatRepeatOneConversionAreFewFreshOnes) {
  RunFacts facts = Good();
  facts.operator_s.assign(40, 0.001);
  facts.rails[0].repeats = 60;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID) << "one for each operator";
  facts.rails[0].repeats = 61;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(
      Judge(facts).reasons,
      ElementsAre(StartsWith("few_fresh: of 100 readings of VDD_IN at most 39 came from new "
                             "conversions, fewer than 40")));
}

TEST(Verdict, OtherProcessesOnMoreThanFivePercentOfTheCpusAreSuspect) {
  RunFacts facts = Good();
  facts.others = {.share = 0.05, .users = {{.pid = 7, .name = "make", .share = 0.2}}};
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID);
  facts.others.share = 0.051;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(
      Judge(facts).reasons,
      ElementsAre(AllOf(StartsWith("other_processes: other processes used 5.1 % of the CPUs"),
                        HasSubstr("(make 20 % of a CPU)"))));
}

TEST(Verdict, ABoardThatThrottledIsSuspect) {
  RunFacts facts = Good();
  facts.throttled = {"cpu0 core_throttle_count went from 1 to 2"};
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons,
              ElementsAre(StartsWith("throttled: cpu0 core_throttle_count went from 1 to 2")));
}

TEST(Verdict, ABoardThatIsWarmerThanItsGateAndAMarginWhenThePhaseBeginsIsSuspect) {
  RunFacts facts = Good();
  facts.began_at = {.zone = "CPU-therm", .celsius = 50, .gate_c = 45};
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_VALID);
  facts.began_at->celsius = 50.5;
  EXPECT_EQ(Judge(facts).verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(Judge(facts).reasons, ElementsAre(StartsWith("too_warm: CPU-therm was at 50.5 C")));
}

TEST(Verdict, EveryLimitOfTheDeviceCanBeMoved) {
  RunFacts facts = Good();
  facts.sources[0].set_missed(200);
  facts.rails[0] = {.rail = "VDD_IN", .readings = 8, .window_s = 0.2};
  facts.iterations = 5;
  facts.measured_s = 1;
  facts.operator_s = {0.3};
  facts.began_at = {.zone = "CPU-therm", .celsius = 60, .gate_c = 45};
  facts.others.share = 0.2;
  EXPECT_EQ(Judge(facts).reasons.size(), 5u);
  VerdictLimits limits;
  for (const char* text :
       {"lost_ticks=2%", "readings=8", "windows=5", "other_cpu=20%", "gate_margin_c=15"}) {
    ASSERT_TRUE(SetLimit(text, Named(limits)).ok()) << text;
  }
  EXPECT_THAT(Judge(facts, limits).reasons, IsEmpty());
}

TEST(VerdictLimits, TellWhichOfThemWereMoved) {
  VerdictLimits limits;
  EXPECT_EQ(MovedLimits(limits), "");
  limits.other_cpu = 0.2;
  limits.readings = 20;
  EXPECT_EQ(MovedLimits(limits), "readings=20 (usually 10), other_cpu=20% (usually 5%)");
}

}  // namespace
}  // namespace synergy
