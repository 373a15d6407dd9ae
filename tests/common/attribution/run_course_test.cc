#include "common/attribution/run_course.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

using testing::ElementsAre;

constexpr int64_t kMs = 1'000'000;

Marker Of(uint32_t op, int64_t begin_ms, int64_t end_ms, uint16_t thread = 0,
          v1::Phase phase = v1::PHASE_MEASURE, uint32_t iteration = 0) {
  return {.begin_ns = begin_ms * kMs,
          .end_ns = end_ms * kMs,
          .op = op,
          .iteration = iteration,
          .thread = thread,
          .device = 0,
          .phase = static_cast<uint8_t>(phase),
          .event = 0};
}

// Phases by their begins in ms; the last reading is at 100 ms.
RunData DataWith(const std::vector<std::pair<v1::Phase, int64_t>>& phases,
                 const std::vector<Marker>& markers) {
  RunBuilder builder;
  builder.Rail("VDD");
  const uint32_t channel = builder.Channel("VDD", v1::ChannelInfo::QUANTITY_POWER, 0.01);
  builder.WriteHeader();
  for (const auto& [phase, at_ms] : phases) {
    v1::RunRecord record;
    record.mutable_phase()->set_phase(phase);
    record.mutable_phase()->set_at_ns(at_ms * kMs);
    builder.Write(record);
  }
  if (!markers.empty()) builder.Write(markers);
  builder.WriteInstants(channel, {{0, 1}, {100 * kMs, 1}});
  RunData data;
  for (const v1::Chunk& chunk : builder.chunks()) EXPECT_TRUE(data.Add(chunk).ok());
  return data;
}

RunCourse CourseWith(const std::vector<std::pair<v1::Phase, int64_t>>& phases,
                     const std::vector<Marker>& markers) {
  const RunData data = DataWith(phases, markers);
  return CourseOf(data, WholeOf(data));
}

TEST(RunCourse, SortsAllTimeIntoCategories) {
  const RunCourse course =
      CourseWith({{v1::PHASE_IDLE, 0},
                  {v1::PHASE_SETUP, 10},
                  {v1::PHASE_WARMUP, 20},
                  {v1::PHASE_MEASURE, 30},
                  {v1::PHASE_IDLE, 60}},
                 {Of(3, 21, 29, 0, v1::PHASE_WARMUP), Of(3, 32, 40), Of(7, 41, 50),
                  Of(kOpNet, 32, 50), Of(3, 52, 59, 0, v1::PHASE_MEASURE, 1)});
  EXPECT_THAT(course.ops(), ElementsAre(3, 7));
  EXPECT_THAT(course.executions, ElementsAre(2, 1));
  EXPECT_THAT(course.iteration_begins, ElementsAre(32e6));
  EXPECT_DOUBLE_EQ(course.measure_begin, 32e6);
  EXPECT_DOUBLE_EQ(course.measure_end, 59e6);
  EXPECT_NEAR(course.seconds[0], 0.015, 1e-12);
  EXPECT_NEAR(course.seconds[1], 0.009, 1e-12);
  EXPECT_NEAR(course.seconds[course.between()], 0.003, 1e-12) << "40 to 41 and 50 to 52 ms";
  EXPECT_NEAR(course.seconds[course.idle()], 0.050, 1e-12) << "10 before and 40 after";
  EXPECT_NEAR(course.seconds[course.other()], 0.023, 1e-12) << "10 to 32 and 59 to 60 ms";
  EXPECT_DOUBLE_EQ(course.occupancy.end_ns(), 100e6);
}

TEST(RunCourse, DecisionsBetweenBlocksAndLoopedOperatorsAreNeitherIdleNorOfAnIteration) {
  const RunCourse course =
      CourseWith({{v1::PHASE_MEASURE, 0},
                  {v1::PHASE_DECIDING, 40},
                  {v1::PHASE_MEASURE, 50},
                  {v1::PHASE_LOOP, 80},
                  {v1::PHASE_IDLE, 90}},
                 {Of(0, 10, 38), Of(0, 52, 70, 0, v1::PHASE_MEASURE, 1),
                  Of(0, 81, 85, 0, v1::PHASE_LOOP), Of(0, 85, 89, 0, v1::PHASE_LOOP, 7)});
  EXPECT_THAT(course.executions, ElementsAre(2));
  EXPECT_NEAR(course.seconds[0], 0.046, 1e-12);
  EXPECT_NEAR(course.seconds[course.between()], 0.004, 1e-12) << "38 to 40 and 50 to 52 ms";
  EXPECT_NEAR(course.seconds[course.idle()], 0.010, 1e-12);
  EXPECT_NEAR(course.seconds[course.other()], 0.040, 1e-12);
  EXPECT_FALSE(course.IsUsable(39e6, 41e6));
  EXPECT_FALSE(course.IsUsable(49e6, 51e6));
  EXPECT_DOUBLE_EQ(course.UsableTime(30e6, 60e6), 20e6);
  EXPECT_DOUBLE_EQ(course.UsableTime(42e6, 55e6), 5e6);
  EXPECT_DOUBLE_EQ(course.UsableTime(10e6, 20e6), 10e6);
}

TEST(RunCourse, OperatorsAtTheSameTimeShareIt) {
  const RunCourse course =
      CourseWith({{v1::PHASE_MEASURE, 0}}, {Of(0, 10, 30, 0), Of(1, 20, 40, 1)});
  EXPECT_NEAR(course.seconds[0], 0.010 + 0.005, 1e-12);
  EXPECT_NEAR(course.seconds[1], 0.005 + 0.010, 1e-12);
}

TEST(RunCourse, ItsPartsMakeUpTheWhole) {
  const RunData data =
      DataWith({{v1::PHASE_IDLE, 0}, {v1::PHASE_MEASURE, 30}, {v1::PHASE_IDLE, 60}},
               {Of(3, 32, 40), Of(7, 41, 45), Of(kOpNet, 32, 45), Of(3, 48, 55), Of(8, 55, 58, 1),
                Of(kOpNet, 48, 58, 0, v1::PHASE_MEASURE, 1)});
  RunPart part = WholeOf(data);
  const RunCourse whole = CourseOf(data, part);
  part.end_ns = 45 * kMs;
  const RunCourse first = CourseOf(data, part);
  part = first.part;
  part.begin_ns = 45 * kMs;
  part.context_ns = 43 * kMs;
  part.first_marker = 1;
  part.end_ns = 100 * kMs;
  const RunCourse second = CourseOf(data, part);
  EXPECT_THAT(first.ops(), ElementsAre(3, 7));
  EXPECT_THAT(second.ops(), ElementsAre(3, 7, 8));
  EXPECT_THAT(first.executions, ElementsAre(1, 1));
  EXPECT_THAT(second.executions, ElementsAre(1, 0, 1));
  EXPECT_THAT(first.iteration_begins, ElementsAre(32e6));
  EXPECT_THAT(second.iteration_begins, ElementsAre(48e6));
  EXPECT_NEAR(first.seconds[0] + second.seconds[0], whole.seconds[0], 1e-12);
  EXPECT_NEAR(first.seconds[1] + second.seconds[1], whole.seconds[1], 1e-12);
  EXPECT_NEAR(first.seconds[first.between()] + second.seconds[second.between()],
              whole.seconds[whole.between()], 1e-12)
      << "45 to 48 ms is between iterations, though the first part knows of no second one";
  EXPECT_NEAR(second.seconds[second.idle()], 0.040, 1e-12);
  EXPECT_DOUBLE_EQ(second.occupancy.begin_ns(), 43e6);
  EXPECT_TRUE(second.IsUsable(44e6, 58e6));
  EXPECT_FALSE(second.IsUsable(42e6, 50e6)) << "before its context";
  EXPECT_FALSE(second.IsUsable(57e6, 59e6)) << "58 to 60 ms has no power of its own";
  EXPECT_TRUE(second.IsUsable(61e6, 70e6));
}

TEST(RunCourse, WithoutMeasuredOperatorsThereAreNone) {
  EXPECT_TRUE(CourseWith({{v1::PHASE_IDLE, 0}}, {}).ops().empty());
}

}  // namespace
}  // namespace synergy
