// The chip against the datasheet, and against what the estimators that will be built on it may
// assume.
#include "daemon/power/ina3221_chip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "tests/daemon/power/function_trace.h"

namespace synergy {
namespace {

using namespace ina3221;

constexpr MonotonicTime kStart{5'000'000'000};
constexpr uint16_t kFastest = 0x7007;  // three channels, 140 us, no averaging, continuous
constexpr std::array<Ina3221Input, 3> kInputs{Ina3221Input{0, 0.020}, Ina3221Input{1, 0.010},
                                              Ina3221Input{2, 0.010}};
constexpr Ina3221ChipOptions kIdeal{
    .seed = 1, .noise_steps = 0, .oscillator_tolerance = 0, .gain_tolerance = 0};

MonotonicTime After(Nanoseconds span) { return kStart + span; }

// The end of the first conversion of `reg` after `from`.
MonotonicTime NextConversion(const Ina3221Chip& chip, uint8_t reg, MonotonicTime from) {
  const int64_t before = chip.Conversions(reg, from);
  MonotonicTime t = from;
  while (chip.Conversions(reg, t) == before) t = t + Nanoseconds{100};
  return t;
}

TEST(Ina3221Chip, HoldsTheDatasheetsValuesAfterPowerOn) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  EXPECT_EQ(chip.Read(0x00, kStart), 0x7127);
  for (uint8_t reg = 0x01; reg <= 0x06; ++reg) EXPECT_EQ(chip.Read(reg, kStart), 0);
  for (uint8_t reg = 0x07; reg <= 0x0C; ++reg) EXPECT_EQ(chip.Read(reg, kStart), 0x7FF8);
  EXPECT_EQ(chip.Read(0x0E, kStart), 0x7FFE);
  EXPECT_EQ(chip.Read(0x0F, kStart), 0x0002);
  EXPECT_EQ(chip.Read(0x10, kStart), 0x2710);
  EXPECT_EQ(chip.Read(0x11, kStart), 0x2328);
  EXPECT_EQ(chip.Read(0xFE, kStart), 0x5449);
  EXPECT_EQ(chip.Read(0xFF, kStart), 0x3220);
}

TEST(Ina3221Chip, ResetBitRestoresEverything) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  chip.Write(0x07, 0x1230, kStart);
  ASSERT_NE(chip.Read(0x01, After(Milliseconds(5))), 0);
  chip.Write(0x00, 0x8000 | kFastest, After(Milliseconds(6)));
  EXPECT_EQ(chip.Read(0x00, After(Milliseconds(6))), 0x7127);
  EXPECT_EQ(chip.Read(0x01, After(Milliseconds(6))), 0);
  EXPECT_EQ(chip.Read(0x07, After(Milliseconds(6))), 0x7FF8);
}

TEST(Ina3221Chip, ReadsConstantPowerToTheNearestStep) {
  FunctionTrace trace = FunctionTrace::Constant(0.3456, 18.765);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  const MonotonicTime t = After(Milliseconds(10));
  EXPECT_EQ(Steps(chip.Read(0x01, t)), 173);  // 0.3456 A x 20 mOhm = 6912 uV = 172.8 steps
  EXPECT_EQ(Steps(chip.Read(0x03, t)), 86);   // half of it
  EXPECT_EQ(Steps(chip.Read(0x05, t)), 86);
  EXPECT_EQ(Steps(chip.Read(0x02, t)), 2346);  // 18.765 V / 8 mV = 2345.6
  EXPECT_EQ(chip.Read(0x01, t), 173 << 3);     // in bits 15 to 3
}

TEST(Ina3221Chip, ReadsNegativeCurrentAndClipsAtFullScale) {
  double amperes = -4.0;
  FunctionTrace trace([&](size_t, MonotonicTime) { return amperes; });
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  EXPECT_EQ(chip.Read(0x01, After(Milliseconds(10))), 0xC180);  // -80 mV, the datasheet's example
  amperes = 100;
  EXPECT_EQ(chip.Read(0x01, After(Milliseconds(20))), 0x7FF8);
  amperes = -100;
  EXPECT_EQ(chip.Read(0x01, After(Milliseconds(30))), 0x8000);
}

TEST(Ina3221Chip, SeesNothingOutsideItsChannelsShuntSlot) {
  MonotonicTime pulse_begin, pulse_end;
  FunctionTrace trace(
      [&](size_t, MonotonicTime t) { return t >= pulse_begin && t < pulse_end ? 4.0 : 1.0; });
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  // The slot of channel 2 that ends here began 140 us earlier; its bus slot follows.
  MonotonicTime end = NextConversion(chip, 0x03, After(Milliseconds(2)));
  pulse_begin = end + Microseconds(1);
  pulse_end = pulse_begin + Microseconds(690);
  EXPECT_EQ(Steps(chip.Read(0x03, end + Microseconds(840))), 250) << "outside: not seen";
  EXPECT_GT(Steps(chip.Read(0x05, end + Microseconds(840))), 250) << "another channel's slot";

  end = NextConversion(chip, 0x03, end + Milliseconds(2));
  pulse_begin = end - Microseconds(140);
  pulse_end = end;
  EXPECT_EQ(Steps(chip.Read(0x03, end)), 1000) << "the whole slot";
  EXPECT_EQ(Steps(chip.Read(0x01, end)), 500) << "channel 1 was before";

  end = NextConversion(chip, 0x03, end + Milliseconds(2));
  pulse_begin = end - Microseconds(70);
  pulse_end = end;
  EXPECT_EQ(Steps(chip.Read(0x03, end)), 625) << "half of the slot";
}

TEST(Ina3221Chip, ConvertsChannelByChannelShuntThenBus) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  const MonotonicTime first = NextConversion(chip, 0x01, After(Milliseconds(2)));
  for (uint8_t reg = 0x02; reg <= 0x06; ++reg) {
    const MonotonicTime done = NextConversion(chip, reg, first);
    EXPECT_NEAR((done - first).seconds(), (reg - 1) * 140e-6, 0.2e-6) << int{reg};
  }
  EXPECT_NEAR((NextConversion(chip, 0x01, first) - first).seconds(), 840e-6, 0.2e-6);
}

TEST(Ina3221Chip, CycleFollowsChannelsModesAndTimes) {
  struct Case {
    uint16_t configuration;
    double cycle_s;
  };
  for (const Case& c : {Case{0x7127, 6600e-6},      // after reset
                        Case{0x7007, 840e-6},       // fastest with three channels
                        Case{0x4007, 280e-6},       // with one
                        Case{0x7005, 420e-6},       // currents only
                        Case{0x7006, 420e-6},       // voltages only
                        Case{0x703F, 25152e-6},     // 3 x (140 us + 8.244 ms)
                        Case{0x71C7, 25152e-6}}) {  // 3 x (8.244 ms + 140 us)
    FunctionTrace trace = FunctionTrace::Constant(1, 19);
    Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
    chip.Write(0x00, c.configuration, kStart);
    const uint8_t reg = (c.configuration & 1) != 0 ? 0x01 : 0x02;
    const MonotonicTime first = NextConversion(chip, reg, After(Milliseconds(60)));
    EXPECT_NEAR((NextConversion(chip, reg, first) - first).seconds(), c.cycle_s, 0.3e-6)
        << std::hex << c.configuration;
  }
}

TEST(Ina3221Chip, KeepsDataOfChannelsThatAreOffOrPoweredDown) {
  double amperes = 1;
  FunctionTrace trace([&](size_t, MonotonicTime) { return amperes; });
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  ASSERT_EQ(Steps(chip.Read(0x01, After(Milliseconds(5)))), 500);
  chip.Write(0x00, 0x3007, After(Milliseconds(6)));  // channel 1 off
  amperes = 2;
  EXPECT_EQ(Steps(chip.Read(0x01, After(Milliseconds(12)))), 500);
  EXPECT_EQ(Steps(chip.Read(0x03, After(Milliseconds(12)))), 500);
  chip.Write(0x00, 0x7000, After(Milliseconds(13)));  // power-down
  amperes = 3;
  EXPECT_EQ(Steps(chip.Read(0x03, After(Milliseconds(20)))), 500);
  EXPECT_EQ(chip.Read(0x0F, After(Milliseconds(20))) & 1, 0);
}

TEST(Ina3221Chip, TriggeredModeConvertsOnce) {
  double amperes = 1;
  FunctionTrace trace([&](size_t, MonotonicTime) { return amperes; });
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, 0x7003, kStart);
  EXPECT_EQ(Steps(chip.Read(0x01, After(Milliseconds(5)))), 500);
  EXPECT_EQ(chip.Read(0x0F, After(Milliseconds(5))) & 1, 1);
  amperes = 2;
  EXPECT_EQ(Steps(chip.Read(0x01, After(Milliseconds(10)))), 500);
  EXPECT_EQ(chip.Read(0x0F, After(Milliseconds(10))) & 1, 0);
  chip.Write(0x00, 0x7003, After(Milliseconds(11)));
  EXPECT_EQ(Steps(chip.Read(0x01, After(Milliseconds(16)))), 1000);
}

TEST(Ina3221Chip, AveragingIsTheRecursiveFilterFromTheRegistersValue) {
  FunctionTrace trace = FunctionTrace::Constant(0.8, 19);  // 400 steps
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, 0x7207, kStart);  // N = 4
  MonotonicTime t = kStart;
  double expected = 0;
  for (int i = 0; i < 12; ++i) {
    t = NextConversion(chip, 0x01, t);
    expected += (400 - expected) / 4;
    EXPECT_EQ(Steps(chip.Read(0x01, t)), std::lround(expected)) << i;
  }
  // A new configuration goes on from there: with N = 16 the next value moves by a sixteenth.
  chip.Write(0x00, 0x7407, t + Microseconds(10));
  t = NextConversion(chip, 0x01, t + Microseconds(10));
  expected += (400 - expected) / 16;
  EXPECT_EQ(Steps(chip.Read(0x01, t)), std::lround(expected));
}

TEST(Ina3221Chip, ReadyFlagIsSetByACycleAndClearedByReadingIt) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  chip.Read(0x0F, After(Milliseconds(3)));
  const MonotonicTime end = NextConversion(chip, 0x06, After(Milliseconds(3)));  // the cycle's last
  EXPECT_EQ(chip.Read(0x0F, end - Nanoseconds{200}) & 1, 0);
  EXPECT_EQ(chip.Read(0x0F, end) & 1, 1);
  EXPECT_EQ(chip.Read(0x0F, end + Microseconds(1)) & 1, 0);
  EXPECT_EQ(chip.Read(0x0F, end + Milliseconds(50)) & 1, 1) << "stays set until it is read";
}

TEST(Ina3221Chip, ReadyFlagIsClearedByAConfigurationAndWaitsForAllAverages) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, 0x7207, After(Milliseconds(50)));  // N = 4
  EXPECT_EQ(chip.Read(0x0F, After(Milliseconds(50))) & 1, 0);
  MonotonicTime cycle = After(Milliseconds(50));
  for (int i = 0; i < 8; ++i) {
    cycle = NextConversion(chip, 0x06, cycle);
    EXPECT_EQ(chip.Read(0x0F, cycle) & 1, i % 4 == 3) << i;
  }
}

TEST(Ina3221Chip, OscillatorIsOffByUpToTenPercentAndScalesAllTimes) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  std::vector<double> factors;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Ina3221Chip chip({.seed = seed}, kInputs, trace, kStart);
    factors.push_back(chip.oscillator_factor());
    if (seed >= 20) continue;
    chip.Write(0x00, kFastest, kStart);
    const MonotonicTime first = NextConversion(chip, 0x01, After(Milliseconds(2)));
    EXPECT_NEAR((NextConversion(chip, 0x01, first) - first).seconds(), 840e-6 * factors.back(),
                0.3e-6);
  }
  const auto [lowest, highest] = std::ranges::minmax(factors);
  EXPECT_GE(lowest, 0.9);
  EXPECT_LE(highest, 1.1);
  EXPECT_LT(lowest, 0.91);
  EXPECT_GT(highest, 1.09);
}

TEST(Ina3221Chip, ADriftingOscillatorMakesItsConversionsLongerAndSeeTheirOwnSlots) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  const MonotonicTime before = chip.ConversionNumber(0x01, 100).end;
  chip.SetDrift({After(Seconds(1)), 10, 0.02});
  EXPECT_EQ(chip.ConversionNumber(0x01, 100).end, before) << "what is done stays";
  const auto period_us = [&](Nanoseconds at) {
    const int64_t number = chip.Conversions(0x01, After(at));
    const MonotonicTime end = chip.ConversionNumber(0x01, number).end;
    EXPECT_LE(end, After(at));
    EXPECT_GT(chip.ConversionNumber(0x01, number + 1).end, After(at));
    return (chip.ConversionNumber(0x01, number + 1).end - end).seconds() * 1e6;
  };
  EXPECT_NEAR(period_us(Milliseconds(900)), 840, 0.01);
  EXPECT_NEAR(period_us(Seconds(6)), 840 * 1.01, 0.1);
  EXPECT_NEAR(period_us(Seconds(20)), 840 * 1.02, 0.01);
}

TEST(Ina3221Chip, PhaseAfterAConfigurationIsAnywhereInTheCycle) {
  FunctionTrace trace = FunctionTrace::Constant(1, 19);
  std::set<int64_t> eighths;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Ina3221Chip chip({.seed = seed, .oscillator_tolerance = 0}, kInputs, trace, kStart);
    chip.Write(0x00, kFastest, kStart);
    const Nanoseconds delay = NextConversion(chip, 0x01, kStart) - kStart - Microseconds(140);
    EXPECT_GE(delay.count, -200);
    EXPECT_LE(delay.count, 840'200);
    eighths.insert(delay.count / 105'000);
  }
  EXPECT_GE(eighths.size(), 8u);
}

TEST(Ina3221Chip, NoiseHasTheStatedSpread) {
  FunctionTrace trace = FunctionTrace::Constant(0.8, 19);
  Ina3221Chip chip({.seed = 3, .noise_steps = 2, .gain_tolerance = 0}, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  double sum = 0, squares = 0;
  constexpr int kReadings = 4000;
  for (int i = 1; i <= kReadings; ++i) {
    const double error = Steps(chip.Read(0x01, After(Milliseconds(2 * i)))) - 400;
    sum += error;
    squares += error * error;
  }
  EXPECT_NEAR(sum / kReadings, 0, 4 * 2 / std::sqrt(kReadings));
  // Rounding adds a twelfth of a step squared.
  EXPECT_NEAR(std::sqrt(squares / kReadings), std::sqrt(4.0 + 1.0 / 12), 0.1);
}

TEST(Ina3221Chip, GainIsOffByUpToAQuarterPercentAndDiffersByChannel) {
  FunctionTrace trace = FunctionTrace::Constant(8, 19);  // 4000 steps of channel 1
  std::set<int> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Ina3221Chip chip({.seed = seed, .noise_steps = 0}, kInputs, trace, kStart);
    const int steps = Steps(chip.Read(0x01, After(Milliseconds(20))));
    EXPECT_NEAR(steps, 4000, 10);
    seen.insert(steps);
  }
  EXPECT_GE(seen.size(), 15u);
}

TEST(Ina3221Chip, ReadingsDoNotDependOnHowOftenTheChipIsRead) {
  for (const uint16_t configuration : {kFastest, uint16_t{0x7407}, uint16_t{0x7127}}) {
    const auto wave = [](size_t rail, MonotonicTime t) {
      return 1.0 + 0.5 * std::sin(static_cast<double>(t.ns) * 1e-6 * static_cast<double>(rail + 1));
    };
    FunctionTrace often_trace(wave), rarely_trace(wave);
    const Ina3221ChipOptions options{.seed = 11, .noise_steps = 1.5};
    Ina3221Chip often(options, kInputs, often_trace, kStart);
    Ina3221Chip rarely(options, kInputs, rarely_trace, kStart);
    often.Write(0x00, configuration, kStart);
    rarely.Write(0x00, configuration, kStart);
    for (int i = 1; i <= 2000; ++i) {
      const MonotonicTime t = After(Microseconds(97 * i));
      std::array<uint16_t, 7> words{};
      for (uint8_t reg = 1; reg <= 6; ++reg) words[reg] = often.Read(reg, t);
      if (i % 211 != 0) continue;
      for (uint8_t reg = 6; reg >= 1; --reg) EXPECT_EQ(rarely.Read(reg, t), words[reg]);
    }
  }
}

TEST(Ina3221Chip, NoiseFollowsTheSeedFromWhenItIsSet) {
  FunctionTrace trace_a = FunctionTrace::Constant(0.8, 19);
  FunctionTrace trace_b = FunctionTrace::Constant(0.8, 19);
  const Ina3221ChipOptions options{.seed = 3, .noise_steps = 5};
  Ina3221Chip a(options, kInputs, trace_a, kStart), b(options, kInputs, trace_b, kStart);
  const auto differing = [&](int from_ms, int to_ms) {
    int differ = 0;
    for (int ms = from_ms; ms < to_ms; ms += 10) {
      differ += a.Read(0x01, After(Milliseconds(ms))) != b.Read(0x01, After(Milliseconds(ms)));
    }
    return differ;
  };
  EXPECT_EQ(differing(0, 500), 0);
  a.SeedNoise(1, After(Milliseconds(500)));
  EXPECT_GT(differing(510, 1000), 30);
  a.SeedNoise(7, After(Milliseconds(1000)));
  b.SeedNoise(7, After(Milliseconds(1000)));
  EXPECT_EQ(differing(1010, 1500), 0);
}

TEST(Ina3221Chip, LongUnreadSpansAreCheap) {
  FunctionTrace trace = FunctionTrace::Constant(0.8, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  chip.Write(0x00, kFastest, kStart);
  const int before = trace.asked();
  EXPECT_EQ(Steps(chip.Read(0x01, After(Seconds(86'400)))), 400);  // a hundred million cycles later
  EXPECT_EQ(trace.asked(), before + 1);
  chip.Write(0x00, 0x7E07, After(Seconds(86'400)));  // N = 1024
  const int filtered_before = trace.asked();
  EXPECT_EQ(Steps(chip.Read(0x01, After(Seconds(2 * 86'400)))), 400);
  EXPECT_LE(trace.asked() - filtered_before, 40 * 1024);
}

TEST(Ina3221Chip, DataAndIdentityCannotBeWritten) {
  FunctionTrace trace = FunctionTrace::Constant(0.8, 19);
  Ina3221Chip chip(kIdeal, kInputs, trace, kStart);
  for (const int reg : {0x01, 0x06, 0xFE, 0xFF, 0x40})
    chip.Write(static_cast<uint8_t>(reg), 0x1234, kStart);
  EXPECT_EQ(chip.Read(0x01, kStart), 0);
  EXPECT_EQ(chip.Read(0x06, kStart), 0);
  EXPECT_EQ(chip.Read(0xFE, kStart), 0x5449);
  EXPECT_EQ(chip.Read(0xFF, kStart), 0x3220);
  EXPECT_EQ(chip.Read(0x40, kStart), 0);
}

}  // namespace
}  // namespace synergy
