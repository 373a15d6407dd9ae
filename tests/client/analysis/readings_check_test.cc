#include "client/analysis/readings_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/attribution/integrate.h"
#include "tests/client/traces/trace_texts.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// Windows of 1 ms over 400 ms, without those that begin from `from_ms` to before `until_ms`, and
// `operators` operators one after the other in `iterations` iterations of 40 ms from 40 ms on.
struct Shape {
  int from_ms = 0;
  int until_ms = 0;
  int operators = 4;
  int iterations = 8;
  int step_ms = 1;
  SensorFile sensors = {};
  int without = -1;       // the row of a marker that is not there
  int names = 1'000'000;  // so many operators have names of their own
};

RunReport ReportOf(const Shape& shape) {
  Traces traces{"rail,window_begin_ns,window_end_ns,power_w\n",
                "op,type,iteration,begin_ns,end_ns\n"};
  traces.sensors = shape.sensors;
  for (int64_t at = 0; at < 400; at += shape.step_ms) {
    if (at >= shape.from_ms && at < shape.until_ms) continue;
    traces.samples += fmt::format("supply,{}000000,{}000000,5\n", at, at + 1);
  }
  const int64_t length_ns = 40'000'000 / shape.operators;
  for (int i = 0; i < shape.iterations; ++i) {
    for (int op = 0; op < shape.operators; ++op) {
      const int64_t at = (40 + 40 * i) * int64_t{1'000'000} + op * length_ns;
      if (i * shape.operators + op == shape.without) continue;
      traces.markers +=
          fmt::format("op{},Conv,{},{},{}\n", op % shape.names, i, at, at + length_ns);
    }
  }
  const RunData data = DataOf(traces);
  return *BuildReport(data, Solve(data), kMethodLeastSquares);
}

TEST(ReadingsCheck, AnImportWithReadingsAllTheTimeIsValid) {
  const RunReport report = ReportOf({});
  EXPECT_EQ(report.verdict, v1::VERDICT_VALID);
  EXPECT_THAT(report.reasons, IsEmpty());
  EXPECT_THAT(ReportOf({.step_ms = 7}).reasons, IsEmpty()) << "gaps between all windows are none";
}

TEST(MarkersCheck, AnExecutionWithoutARowIsMissing) {
  const RunReport report = ReportOf({.without = 13});
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(report.reasons,
              ElementsAre(AllOf(StartsWith("markers_missing: 1 operators ran more or less often"),
                                HasSubstr("8 iterations ask for: op1 (7)."))));
}

TEST(MarkersCheck, OperatorsOfOneNameAreTold) {
  const RunReport report = ReportOf({.names = 3});  // the fourth is called like the first
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(report.reasons,
              ElementsAre(AllOf(StartsWith("operators_repeat: 1 operators ran several times"),
                                HasSubstr("op0 (16)"))));
}

TEST(MarkersCheck, StampsThatAreDaysApartAreRefused) {
  const Traces traces{
      "rail,window_begin_ns,window_end_ns,power_w\nsupply,0,1000000,5\n"
      "supply,1000000000000000,1000000001000000,5\n",
      "op,type,iteration,begin_ns,end_ns\nconv,Conv,0,0,1000000\n"};
  EXPECT_THAT(ChunksOf(traces).status().ToString(), HasSubstr("there are 11.6 days"));
}

TEST(ReadingsCheck, FewerReadingsThanOperatorsAreFew) {
  const RunReport report = ReportOf({.operators = 40, .iterations = 1, .step_ms = 3});
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(report.reasons,
              ElementsAre(AllOf(StartsWith("few_fresh: of 13 readings of supply"),
                                HasSubstr("one for each of the network's 40 operators"))));
}

TEST(ReadingsCheck, AnImportWithoutAReadingInItsMeasuredPhaseIsInvalid) {
  const RunReport report = ReportOf({.from_ms = 39, .until_ms = 390});
  EXPECT_EQ(report.verdict, v1::VERDICT_INVALID);
  EXPECT_THAT(report.reasons, ElementsAre(StartsWith("few_readings: no rail was read")));
}

TEST(ReadingsCheck, AHoleInTheReadingsIsTold) {
  const RunReport report = ReportOf({.from_ms = 100, .until_ms = 150});
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(
      report.reasons,
      ElementsAre(AllOf(StartsWith("ticks_missed: about 50 readings of supply are missing in "
                                   "the measured phase (15.6 %"),
                        HasSubstr("from 0.059500 s after its begin on"))));
  EXPECT_THAT(ReportOf({.from_ms = 100, .until_ms = 103}).reasons, IsEmpty()) << "below 1 %";
  EXPECT_THAT(ReportOf({.from_ms = 2, .until_ms = 30}).reasons, IsEmpty()) << "idle";
}

TEST(ReadingsCheck, ReadingsThatBeginLateOrEndEarlyLeaveAHole) {
  const auto missing = ElementsAre(StartsWith("ticks_missed: about "));
  EXPECT_THAT(ReportOf({.from_ms = 0, .until_ms = 80}).reasons, missing);
  EXPECT_THAT(ReportOf({.from_ms = 300, .until_ms = 400}).reasons, missing);
}

TEST(ReadingsCheck, WhatTheTracesSayThemselvesIsNotSaidTwice) {
  Shape shape{.from_ms = 100, .until_ms = 150};
  shape.sensors.origin.verdict = v1::VERDICT_SUSPECT;
  shape.sensors.origin.reasons = {"ticks_missed: 12.5 % of the 400 ticks were missed"};
  EXPECT_EQ(ReportOf(shape).reasons.size(), 1u);
}

}  // namespace
}  // namespace synergy
