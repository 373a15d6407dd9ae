#include "daemon/power/simulated_cpu.h"

#include <gtest/gtest.h>

#include "daemon/power/board_profile.h"

namespace synergy::sim {
namespace {

const SimulationProfile& Snapdragon() {
  static const BoardProfile* const profile =
      new BoardProfile(*BuiltInBoardProfile("snapdragon-820"));
  return *profile->simulation;
}

const std::vector<CpuSpeed> kSpeeds = {
    {.idle_khz = 307'200, .busy_khz = 1'593'600, .cores_on = 2},
    {.idle_khz = 307'200, .busy_khz = 1'920'000, .cores_on = 2},
};

TEST(SimulatedCpu, IsAtItsFastestUntilItIsToldOtherwise) {
  const SimulatedCpu cpu(Snapdragon());
  EXPECT_EQ(cpu.Khz(0, false), 1'593'600);
  EXPECT_EQ(cpu.Khz(1, false), 2'150'400);
  EXPECT_EQ(cpu.cores_on(), 4u);
  EXPECT_DOUBLE_EQ(cpu.Point(true).voltage_v, 1.05);
}

TEST(SimulatedCpu, ComputesWithTheFastestPolicyThatHasACoreOn) {
  SimulatedCpu cpu(Snapdragon());
  cpu.SetSpeeds(kSpeeds);
  EXPECT_DOUBLE_EQ(cpu.Point(true).frequency_hz, 1.92e9);
  EXPECT_DOUBLE_EQ(cpu.Point(false).frequency_hz, 307.2e6);
  std::vector<CpuSpeed> speeds = kSpeeds;
  speeds[1].cores_on = 0;
  cpu.SetSpeeds(speeds);
  EXPECT_DOUBLE_EQ(cpu.Point(true).frequency_hz, 1593.6e6);
  EXPECT_EQ(cpu.cores_on(), 2u);
}

TEST(SimulatedCpu, DoesNotBelieveSpeedsOfAnotherBoard) {
  SimulatedCpu cpu(Snapdragon());
  cpu.SetSpeeds({kSpeeds[0]});
  EXPECT_EQ(cpu.Khz(1, true), 2'150'400);
}

TEST(SimulatedCpu, IsHeldBackToAFrequencyOfEachPolicyAndNeverBelowItsSlowest) {
  SimulatedCpu cpu(Snapdragon());
  cpu.SetSpeeds(kSpeeds);
  cpu.HoldBack(1'000'000);
  EXPECT_EQ(cpu.Khz(0, true), 960'000);
  EXPECT_EQ(cpu.Khz(1, true), 940'800);
  EXPECT_EQ(cpu.Khz(1, false), 307'200) << "slower anyway";
  cpu.HoldBack(1);
  EXPECT_EQ(cpu.Khz(1, true), 307'200);
  cpu.HoldBack(std::nullopt);
  EXPECT_EQ(cpu.Khz(1, true), 1'920'000);
}

TEST(SimulatedCpu, RestsAWhileAfterTheLastWork) {
  SimulatedCpu cpu(Snapdragon());
  EXPECT_LT(cpu.rests_from(), MonotonicTime{0}) << "it never worked";
  cpu.Worked({5'000'000});
  EXPECT_EQ(cpu.rests_from(), MonotonicTime{5'000'000} + SimulatedCpu::kHold);
}

TEST(OperatingPointAt, HasVoltagesInProportionBetweenThePoints) {
  const SimulationProfile& board = Snapdragon();
  EXPECT_DOUBLE_EQ(OperatingPointAt(board, 2150.4e6).voltage_v, 1.05);
  EXPECT_DOUBLE_EQ(OperatingPointAt(board, 2112e6).voltage_v, (1.031 + 1.05) / 2);
  EXPECT_DOUBLE_EQ(OperatingPointAt(board, 100e6).voltage_v, 0.7);
  EXPECT_DOUBLE_EQ(OperatingPointAt(board, 3e9).voltage_v, 1.05);
}

}  // namespace
}  // namespace synergy::sim
