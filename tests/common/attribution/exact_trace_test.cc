// Traces of a meter whose stamps are the readings' windows, as they are imported: 20 iterations of
// three operators, their powers known.
#include <cmath>
#include <random>

#include "common/attribution/least_squares.h"
#include "gtest/gtest.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

constexpr double kPicowatt = 1e-12;
constexpr int64_t kWindowNs = 1'000'000, kBeginNs = 1'000'000'000, kIdleNs = 50'000'000;

struct Trace {
  double unit_w = kPicowatt;
  int64_t shift_ns = 0;  // of all operators against the windows
  int64_t window_ns = kWindowNs;
  double noise_w = 0;
  int wild = -1;  // a reading that says 20 W; none below 0
};

struct Operator {
  int64_t length_ns;
  double power_w;
  double energy_j() const { return 1e-9 * static_cast<double>(length_ns) * power_w; }
};
// The last one is the rest between iterations.
constexpr Operator kOperators[] = {{5'000'000, 5}, {3'000'000, 3}, {4'000'000, 7}, {2'000'000, 1}};
constexpr uint32_t kNamed = 3;
constexpr double kIdleW = 1;

void WritePhase(v1::Phase phase, int64_t at_ns, RunBuilder* builder) {
  v1::RunRecord record;
  record.mutable_phase()->set_phase(phase);
  record.mutable_phase()->set_at_ns(at_ns);
  builder->Write(record);
}

RailEnergy Solve(const Trace& trace) {
  Occupancy runs{0};
  std::vector<Marker> markers;
  int64_t t = kBeginNs + kIdleNs + trace.shift_ns;
  const int64_t measure_ns = t;
  runs.Append(static_cast<double>(t), kNamed);
  for (uint32_t iteration = 0; iteration < 20; ++iteration) {
    const int64_t begin = t;
    for (uint32_t op = 0; op <= kNamed; ++op) {
      const int64_t end = t + kOperators[op].length_ns;
      if (op < kNamed) markers.push_back(OperatorMarker(op, iteration, t, end));
      runs.Append(static_cast<double>(end), op);
      t = end;
    }
    markers.push_back(OperatorMarker(kOpNet, iteration, begin, t - kOperators[kNamed].length_ns));
  }
  const int64_t measured_ns = t, end_ns = t + kIdleNs;
  runs.Append(static_cast<double>(end_ns), kNamed);
  const Eigen::Vector4d watts{5, 3, 7, kIdleW};
  const PowerCourse power(runs, watts);
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise;
  std::vector<Reading> readings;
  for (int64_t at = kBeginNs; at + trace.window_ns <= end_ns; at += trace.window_ns) {
    const int64_t end = at + trace.window_ns;
    double w = power.Mean(static_cast<double>(at), static_cast<double>(end));
    w += trace.noise_w * noise(random);
    if (static_cast<int>(readings.size()) == trace.wild) w = 20;
    readings.push_back({at, end, std::llround(w / trace.unit_w), Freshness::kFresh});
  }
  RunBuilder builder;
  builder.Rail("R");
  const uint32_t channel = builder.Channel("R", v1::ChannelInfo::QUANTITY_POWER, trace.unit_w);
  v1::Window* window = builder.header().mutable_channels(0)->mutable_window();
  window->set_stamps_are_window(true);
  window->set_average(1);
  window->set_period_s(1e-9 * static_cast<double>(trace.window_ns));
  window->set_slot_s(window->period_s());
  builder.WriteHeader();
  WritePhase(v1::PHASE_IDLE, kBeginNs, &builder);
  WritePhase(v1::PHASE_MEASURE, measure_ns, &builder);
  WritePhase(v1::PHASE_IDLE, measured_ns, &builder);
  builder.Write(markers);
  builder.Write(channel, readings);
  builder.WriteEnd(v1::JOB_STATE_DONE);
  RunData data;
  for (const v1::Chunk& chunk : builder.chunks()) EXPECT_TRUE(data.Add(chunk).ok());
  RailEnergy rail = SolveLeastSquares(data).rails.at(0);
  EXPECT_EQ(rail.why_not, "");
  return rail;
}

TEST(ExactTrace, OneWildReadingAmongFewChangesNothing) {
  for (const double unit_w : {kPicowatt, 0.01}) {
    for (const int wild : {40, 70, 100, 130}) {
      const RailEnergy rail = Solve({.unit_w = unit_w,
                                     .shift_ns = 300'000,
                                     .window_ns = 2 * kWindowNs,
                                     .noise_w = 0.02,
                                     .wild = wild});
      EXPECT_EQ(rail.outliers, 1u) << unit_w << " " << wild;
      EXPECT_NEAR(rail.noise_steps * unit_w, 0.02, 0.01) << unit_w << " " << wild;
      for (uint32_t op = 0; op < kNamed; ++op) {
        ASSERT_TRUE(rail.ops[op].energy_j.has_value()) << unit_w << " " << wild;
        EXPECT_NEAR(rail.ops[op].energy_j->mean / kOperators[op].energy_j(), 1, 0.02);
      }
    }
  }
}

// Whether or not the operators' edges are the windows'.
TEST(ExactTrace, WithoutAnyNoiseIsKnownToAMillionth) {
  for (const int64_t shift_ns : {0, 300'000, 512'345}) {
    for (const int64_t window_ns : {kWindowNs, kWindowNs / 100}) {
      const RailEnergy rail = Solve({.shift_ns = shift_ns, .window_ns = window_ns});
      EXPECT_EQ(rail.stuck, 0u) << shift_ns << " " << window_ns;
      for (uint32_t op = 0; op < kNamed; ++op) {
        ASSERT_TRUE(rail.ops[op].energy_j.has_value()) << shift_ns << " " << window_ns;
        const Estimate& found = *rail.ops[op].energy_j;
        const double truth = kOperators[op].energy_j();
        EXPECT_NEAR(found.mean / truth, 1, 1e-5) << shift_ns << " " << window_ns;
        EXPECT_LE(found.low, truth) << shift_ns << " " << window_ns;
        EXPECT_GE(found.high, truth) << shift_ns << " " << window_ns;
        EXPECT_GT(found.half_width(), 1e-9 * truth) << shift_ns << " " << window_ns;
      }
    }
  }
}

}  // namespace
}  // namespace synergy
