#include "daemon/power/realised_power.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <span>

#include "daemon/power/board_profile.h"
#include "daemon/power/operator_load.h"
#include "tests/daemon/power/tx1_operators.h"

namespace synergy::sim {
namespace {

// The rails of the Jetson TX1.
constexpr size_t kVddIn = 0, kVddCpu = 2;
const BoardProfile& Profile() {
  static const BoardProfile* const profile = new BoardProfile(*BuiltInBoardProfile("jetson-tx1"));
  return *profile;
}
const SimulationProfile& Board() { return *Profile().simulation; }
PerRail RailPower(std::span<const OperatorLoad> running, const CpuOperatingPoint& point,
                  double temperature_c) {
  return PowerOf(Board(), running, point, temperature_c).watts;
}

constexpr MonotonicTime kStart{1'000'000'000};
constexpr CpuOperatingPoint kPoint{.frequency_hz = 1.734e9, .voltage_v = 1.2275};
const OperatorLoad kConv = LoadOf(MakeConv(), {.threads = 1, .frequency_hz = 1.734e9});
const OperatorLoad kPool = LoadOf(MakePool(), {.threads = 1, .frequency_hz = 1.734e9});

MonotonicTime After(Nanoseconds span) { return kStart + span; }

TEST(RealisedPower, AnIdleBoardDrawsItsIdlePowerForEver) {
  RealisedPower power(Board(), kStart, kPoint);
  const double watts = RailPower({}, kPoint, IdleTemperature(Board(), kPoint))[kVddIn];
  const PerRail joules = power.Extend(After(Seconds(3)), {});
  EXPECT_NEAR(joules[kVddIn], 3 * watts, 1e-9);
  EXPECT_EQ(power.pieces(), 1u);
  EXPECT_NEAR(power.temperature_c(), IdleTemperature(Board(), kPoint), 1e-6);
}

TEST(RealisedPower, WhatIsDrawnBesidesIsInEveryIntegral) {
  RealisedPower power(Board(), kStart, kPoint);
  RealisedPower plain(Board(), kStart, kPoint);
  // 1 W more in each second, of VDD_CPU and of the board.
  power.SetExtra([](MonotonicTime at) {
    BoardPower extra{.all_w = (at - kStart).seconds()};
    extra.watts[kVddCpu] = extra.all_w;
    return extra;
  });
  const PerRail joules = power.Extend(After(Seconds(2)), {});
  const PerRail usual = plain.Extend(After(Seconds(2)), {});
  // 2 J, less half of a step of 10 ms, and what a warmer CPU leaks.
  EXPECT_NEAR(joules[kVddCpu] - usual[kVddCpu], 2 - 0.01, 0.01);
  EXPECT_NEAR(power.Energy(kStart, After(Seconds(2)))[kVddCpu], joules[kVddCpu], 1e-12);
  EXPECT_GT(power.temperature_c(), plain.temperature_c());
}

TEST(RealisedPower, IntegralsAreExactAndAdditive) {
  RealisedPower power(Board(), kStart, kPoint);
  power.Extend(After(Milliseconds(3)), {});
  const PerRail conv = power.Extend(After(Milliseconds(5)), {&kConv, 1});
  const PerRail pool = power.Extend(After(Milliseconds(6)), {&kPool, 1});
  const double idle_w = RailPower({}, kPoint, IdleTemperature(Board(), kPoint))[kVddCpu];
  const double conv_w = RailPower({&kConv, 1}, kPoint, IdleTemperature(Board(), kPoint))[kVddCpu];
  EXPECT_NEAR(conv[kVddCpu], conv_w * 2e-3, 1e-15);
  EXPECT_NEAR(power.Energy(kStart, After(Milliseconds(6)))[kVddCpu],
              idle_w * 3e-3 + conv[kVddCpu] + pool[kVddCpu], 1e-15);
  // Half a millisecond on either side of the border.
  EXPECT_NEAR(power.Energy(After(Microseconds(2500)), After(Microseconds(3500)))[kVddCpu],
              0.5e-3 * (idle_w + conv_w), 1e-15);
  EXPECT_NEAR(power.Energy(kStart, After(Milliseconds(6)), true)[kVddCpu], idle_w * 3e-3, 1e-15)
      << "idle pieces only";
}

TEST(RealisedPower, CurrentTimesVoltageIsThePower) {
  RealisedPower power(Board(), kStart, kPoint);
  const PerRail joules = power.Extend(After(Milliseconds(2)), {&kConv, 1});
  const MonotonicTime end = After(Milliseconds(2));
  for (size_t rail = 0; rail < Board().rails.size(); ++rail) {
    EXPECT_NEAR(power.MeanCurrent(rail, kStart, end) * power.MeanVoltage(rail, kStart, end) * 2e-3,
                joules[rail], 1e-15);
  }
  EXPECT_LT(power.MeanVoltage(kVddIn, kStart, end), 19.0);
}

TEST(RealisedPower, DoesNotDependOnHowOftenItIsExtended) {
  RealisedPower at_once(Board(), kStart, kPoint), bit_by_bit(Board(), kStart, kPoint);
  std::mt19937_64 random(4);
  MonotonicTime t = kStart;
  for (int i = 0; i < 400; ++i) {
    const MonotonicTime next = t + Microseconds(static_cast<int64_t>(random() % 4000 + 1));
    const OperatorLoad load = i % 2 == 0 ? kConv : kPool;
    const std::span<const OperatorLoad> running(&load, i % 3 == 0 ? 0 : 1);
    at_once.Extend(next, running);
    while (t < next) {
      t = std::min(next, t + Microseconds(static_cast<int64_t>(random() % 700 + 1)));
      bit_by_bit.Extend(t, running);
    }
  }
  EXPECT_EQ(at_once.pieces(), bit_by_bit.pieces());
  EXPECT_NEAR(at_once.temperature_c(), bit_by_bit.temperature_c(), 1e-11);
  EXPECT_NEAR(at_once.Energy(kStart, t)[kVddIn], bit_by_bit.Energy(kStart, t)[kVddIn], 1e-10);
}

TEST(RealisedPower, WarmsUpWithTheThermalTimeConstantAndLeaksMoreThen) {
  RealisedPower power(Board(), kStart, kPoint);
  const double begin_c = power.temperature_c();
  const PerRail first = power.Extend(After(Milliseconds(100)), {&kConv, 1});
  power.Extend(After(Seconds(30)), {&kConv, 1});
  const double at_tau_c = power.temperature_c();
  power.Extend(After(Seconds(600)), {&kConv, 1});
  const double steady_c = power.temperature_c();
  // Not exactly 1 - 1/e: leakage grows on the way.
  EXPECT_NEAR((at_tau_c - begin_c) / (steady_c - begin_c), 1 - std::exp(-1.0), 0.03);
  const MonotonicTime end = power.end();
  power.Extend(end + Milliseconds(100), {&kConv, 1});
  const double warmer = power.Energy(end, end + Milliseconds(100))[kVddIn] / first[kVddIn] - 1;
  EXPECT_GT(warmer, 0.01);
  EXPECT_LT(warmer, 0.05);
}

TEST(RealisedPower, LongSpansAreCheapAndSmall) {
  RealisedPower power(Board(), kStart, kPoint);
  const PerRail joules = power.Extend(After(Seconds(30 * 86'400)), {&kConv, 1});  // a month
  EXPECT_LT(power.pieces(), 200'000u);
  power.ForgetBefore(power.end() - Milliseconds(1));
  EXPECT_EQ(power.pieces(), 1u);
  EXPECT_NEAR(joules[kVddIn] / (30 * 86'400), 6.2, 0.3);
}

TEST(RealisedPower, ForgetsWhatNobodyNeeds) {
  RealisedPower power(Board(), kStart, kPoint);
  for (int i = 1; i <= 1000; ++i) {
    power.Extend(After(Microseconds(100 * i)), {i % 2 == 0 ? &kConv : &kPool, 1});
  }
  EXPECT_GE(power.pieces(), 1000u);
  const MonotonicTime kept = power.end() - Milliseconds(2);
  const PerRail before = power.Energy(kept, power.end());
  power.ForgetBefore(kept);
  EXPECT_LE(power.pieces(), 22u);
  EXPECT_EQ(power.Energy(kept, power.end()), before);
  EXPECT_LE(power.begin(), kept);
}

}  // namespace
}  // namespace synergy::sim
