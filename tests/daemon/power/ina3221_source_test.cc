#include "daemon/power/ina3221_source.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <utility>

#include "daemon/power/ina3221_chip.h"
#include "daemon/power/sim_i2c_bus.h"
#include "tests/conformance/power_source_suite.h"
#include "tests/daemon/power/faulty_bus.h"
#include "tests/daemon/power/function_trace.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

constexpr uint8_t kAddress = 0x40;

Ina3221Wiring Wiring() {
  Ina3221Wiring wiring{.address = kAddress, .channels = {}};
  wiring.channels[0] = Ina3221Channel{.rail = "VDD_IN", .shunt_ohm = 0.020};
  wiring.channels[1] = Ina3221Channel{.rail = "VDD_GPU", .shunt_ohm = 0.010};
  wiring.channels[2] = Ina3221Channel{.rail = "VDD_CPU", .shunt_ohm = 0.010};
  return wiring;
}

// A chip on a bus that measures `trace`.
struct Bench {
  explicit Bench(FunctionTrace::Function current, Ina3221ChipOptions options = {.seed = 5})
      : trace(std::move(current)) {
    auto sim = std::make_shared<SimI2cBus>("i2c-1", 400'000, clock);
    const std::array<Ina3221Input, 3> inputs{Ina3221Input{0, 0.020}, Ina3221Input{1, 0.010},
                                             Ina3221Input{2, 0.010}};
    auto owned = std::make_unique<Ina3221Chip>(options, inputs, trace, clock.Now());
    chip = owned.get();
    sim->Attach(kAddress, std::move(owned));
    bus = std::make_shared<FaultyBus>(std::move(sim));
  }
  std::unique_ptr<Ina3221Source> Open() {
    auto source = Ina3221Source::Open(bus, Wiring());
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }

  FakeClock clock;
  FunctionTrace trace;
  Ina3221Chip* chip = nullptr;
  std::shared_ptr<FaultyBus> bus;
};

FunctionTrace::Function Constant(double amperes) {
  return [amperes](size_t, MonotonicTime) { return amperes; };
}
// Changes all the time, so that no two conversions agree.
double Restless(size_t, MonotonicTime t) {
  return 1.0 + 0.8 * std::sin(static_cast<double>(t.ns) * 1.7e-6);
}

SourceUnderTest MakeSimulated() {
  auto bench = std::make_shared<Bench>(&Restless);
  SourceUnderTest t;
  t.clock = &bench->clock;
  t.source = bench->Open();
  t.fail_next = [bus = bench->bus](absl::StatusCode code) {
    bus->FailRead(absl::Status(code, "no answer"));
    return "no answer";
  };
  t.bench = std::move(bench);
  return t;
}
INSTANTIATE_TEST_SUITE_P(Ina3221Source, PowerSourceSuite, testing::Values(&MakeSimulated));

TEST(Ina3221Source, ProgramsTheFastestHonestSampling) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  EXPECT_EQ(bench.bus->Read(kAddress, 0x00)->value, 0x7007);
}

TEST(Ina3221Source, CountsEveryTransferOnItsBusTheOneOfTheReadyFlagToo) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  const uint64_t before = source->transfers().value();
  EXPECT_GT(before, 0u) << "it was identified and programmed";
  std::vector<ChannelReading> readings;
  ASSERT_TRUE(source->Read(&readings).ok());
  ASSERT_FALSE(readings.empty());
  EXPECT_EQ(*source->transfers(), before + 1 + readings.size());
}

TEST(Ina3221Source, DescribesCurrentsThenVoltagesWithTheirWindows) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  ASSERT_EQ(source->channels().size(), 6u);
  EXPECT_EQ(source->name(), "ina3221 0x40");
  const v1::ChannelInfo& in = source->channels()[0];
  EXPECT_EQ(in.rail(), "VDD_IN");
  EXPECT_EQ(in.quantity(), v1::ChannelInfo::QUANTITY_CURRENT);
  EXPECT_DOUBLE_EQ(in.scale(), 2e-3);  // 40 uV / 20 mOhm
  EXPECT_EQ(in.source(), "ina3221 0x40 channel 1");
  EXPECT_DOUBLE_EQ(in.window().slot_s(), 140e-6);
  EXPECT_DOUBLE_EQ(in.window().period_s(), 840e-6);
  EXPECT_DOUBLE_EQ(in.window().period_tolerance(), 0.1);
  EXPECT_EQ(in.window().average(), 1u);
  EXPECT_FALSE(in.window().phase_known());
  EXPECT_DOUBLE_EQ(source->channels()[2].scale(), 4e-3);  // 40 uV / 10 mOhm
  const v1::ChannelInfo& cpu_voltage = source->channels()[5];
  EXPECT_EQ(cpu_voltage.rail(), "VDD_CPU");
  EXPECT_EQ(cpu_voltage.quantity(), v1::ChannelInfo::QUANTITY_VOLTAGE);
  EXPECT_DOUBLE_EQ(cpu_voltage.scale(), 8e-3);
}

// Shunt, bus, shunt, bus, ...: whoever knows the cycle's begin knows each conversion's end.
TEST(Ina3221Source, SaysWhereInTheChipsCycleEachConversionEnds) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  ASSERT_EQ(source->channels().size(), 6u);
  for (size_t i = 0; i < 3; ++i) {
    const v1::Window& current = source->channels()[i].window();
    const v1::Window& voltage = source->channels()[3 + i].window();
    EXPECT_EQ(current.cycle(), "ina3221 0x40");
    EXPECT_EQ(voltage.cycle(), "ina3221 0x40");
    const auto before = 2 * static_cast<double>(i);
    EXPECT_DOUBLE_EQ(current.offset(), (before + 1) / 6);
    EXPECT_DOUBLE_EQ(voltage.offset(), (before + 2) / 6);
    // The model of the chip agrees.
    const auto reg = static_cast<uint8_t>(1 + 2 * i);
    const MonotonicTime first_end = bench.chip->ConversionNumber(1, 1).end;
    const double apart_s = (bench.chip->ConversionNumber(reg, 1).end - first_end).seconds();
    EXPECT_NEAR(apart_s, before / 6 * 840e-6 * bench.chip->oscillator_factor(), 2e-9);
  }
}

TEST(Ina3221Source, ACurrentIsAsExactAsTheChipAndItsShunt) {
  Bench bench(Constant(1));
  Ina3221Wiring wiring = Wiring();
  wiring.channels[1]->shunt_tolerance = 0.01;
  auto source = Ina3221Source::Open(bench.bus, wiring);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_DOUBLE_EQ((*source)->channels()[0].gain_tolerance(), 0.0025);
  EXPECT_DOUBLE_EQ((*source)->channels()[1].gain_tolerance(), 0.0125);
  EXPECT_DOUBLE_EQ((*source)->channels()[4].gain_tolerance(), 0.0025) << "a voltage has no shunt";
}

TEST(Ina3221Source, SwitchesOffWhatIsNotWiredAndIsFasterForIt) {
  Bench bench(Constant(1));
  Ina3221Wiring wiring = Wiring();
  wiring.channels[0].reset();
  wiring.channels[1].reset();
  auto source = Ina3221Source::Open(bench.bus, wiring);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(bench.bus->Read(kAddress, 0x00)->value, 0x1007);
  ASSERT_EQ((*source)->channels().size(), 2u);
  EXPECT_DOUBLE_EQ((*source)->channels()[0].window().period_s(), 280e-6);
}

TEST(Ina3221Source, TwoWattsForThreeSecondsAreSixJoules) {
  const double amperes = 2.0 / 19.0;
  Bench bench(Constant(amperes), {.seed = 5, .noise_steps = 0.5, .gain_tolerance = 0});
  auto source = bench.Open();
  std::vector<ChannelReading> readings;
  double volts = 0, joules = 0;
  int64_t last_ns = bench.clock.Now().ns;
  const int64_t end_ns = last_ns + 3'000'000'000;
  while (bench.clock.Now().ns < end_ns) {
    const MonotonicTime next = bench.clock.Now() + Milliseconds(1);
    readings.clear();
    ASSERT_TRUE(source->Read(&readings).ok());
    bench.clock.SleepUntil(next);
    for (const ChannelReading& r : readings) {
      const v1::ChannelInfo& channel = source->channels()[r.channel];
      const double value = static_cast<double>(r.reading.raw) * channel.scale();
      if (r.channel == 3) volts = value;
      if (r.channel != 0) continue;
      // volts is 0 in the very first tick, whose voltage comes after its currents.
      joules += value * (volts > 0 ? volts : 19.0) * 1e-9 * static_cast<double>(next.ns - last_ns);
      last_ns = next.ns;
    }
  }
  EXPECT_NEAR(joules, 6.0, 0.01);
}

TEST(Ina3221Source, NeverReadsWhatWasThereBeforeTheFirstConversion) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Bench bench(Constant(1), {.seed = seed});
    auto source = bench.Open();
    std::vector<ChannelReading> readings;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(source->Read(&readings).ok());
    for (const ChannelReading& r : readings) EXPECT_GT(r.reading.raw, 200) << seed;
  }
}

TEST(Ina3221Source, ReadsCurrentsEachTickAndEachVoltageTenTimesASecond) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  std::map<uint32_t, int> count;
  int longest = 0;
  for (int i = 0; i < 3000; ++i) {
    const MonotonicTime next = bench.clock.Now() + Milliseconds(1);
    const int reads = bench.bus->reads();
    std::vector<ChannelReading> readings;
    ASSERT_TRUE(source->Read(&readings).ok());
    for (const ChannelReading& r : readings) ++count[r.channel];
    if (i < 3) {
      EXPECT_EQ(readings.back().channel, 3u + static_cast<uint32_t>(i))
          << "voltages from the start";
    }
    longest = std::max(longest, bench.bus->reads() - reads);
    EXPECT_LE(bench.clock.Now(), next) << "a tick fits into a millisecond";
    bench.clock.SleepUntil(next);
  }
  for (uint32_t current = 0; current < 3; ++current) EXPECT_EQ(count[current], 3000);
  for (uint32_t voltage = 3; voltage < 6; ++voltage) EXPECT_NEAR(count[voltage], 30, 2);
  EXPECT_EQ(longest, 5);  // flag, three currents, and a voltage or the configuration
}

TEST(Ina3221Source, AllReadingsAreFreshAtOneKilohertz) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(Constant(1), {.seed = seed, .noise_steps = 0});
    auto source = bench.Open();
    std::vector<ChannelReading> readings;
    for (int i = 0; i < 200; ++i) {
      const MonotonicTime next = bench.clock.Now() + Milliseconds(1);
      ASSERT_TRUE(source->Read(&readings).ok());
      bench.clock.SleepUntil(next);
    }
    int fresh = 0, currents = 0;
    for (const ChannelReading& r : readings) {
      if (r.channel >= 3) continue;
      ++currents;
      fresh += r.reading.freshness == Freshness::kFresh ? 1 : 0;
    }
    // The flag says nothing about conversions before its first reading.
    EXPECT_GE(fresh, currents - 3);
  }
}

TEST(Ina3221Source, ClaimsFreshOrRepeatOnlyWhereItIsTrue) {
  constexpr std::array<uint8_t, 6> kRegisters{0x01, 0x03, 0x05, 0x02, 0x04, 0x06};
  int fresh = 0, unknown = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Bench bench(Constant(1), {.seed = seed, .noise_steps = 0});
    auto source = bench.Open();
    const ReadLatch latch = bench.bus->read_latch();
    std::map<uint32_t, int64_t> conversions;
    const Nanoseconds tick = Microseconds(480 + 20 * static_cast<int64_t>(seed));
    for (int i = 0; i < 400; ++i) {
      const MonotonicTime next = bench.clock.Now() + tick;
      std::vector<ChannelReading> readings;
      ASSERT_TRUE(source->Read(&readings).ok());
      for (const ChannelReading& r : readings) {
        const MonotonicTime at = MonotonicTime{r.reading.begin_ns} + latch.after_begin;
        const int64_t now = bench.chip->Conversions(kRegisters[r.channel], at);
        const bool is_new = now != std::exchange(conversions[r.channel], now);
        if (r.reading.freshness != Freshness::kUnknown) {
          EXPECT_EQ(r.reading.freshness == Freshness::kFresh, is_new) << seed << " " << i;
        }
        fresh += r.reading.freshness == Freshness::kFresh ? 1 : 0;
        unknown += r.reading.freshness == Freshness::kUnknown ? 1 : 0;
      }
      bench.clock.SleepUntil(next);
    }
  }
  EXPECT_GT(fresh, 10'000);
  EXPECT_GT(unknown, 1'000) << "one flag for three channels cannot tell all";
}

TEST(Ina3221Freshness, TellsRepeatsWhereTicksAreShorterThanTheCycle) {
  constexpr std::array<double, 3> kUntilEnd{5 * 1100e-6, 3 * 1100e-6, 1 * 1100e-6};
  int fresh = 0, repeats = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(Constant(1), {.seed = seed, .noise_steps = 0});
    // As after reset: a cycle of 6.6 ms.
    Ina3221Freshness freshness(6600e-6, 0.1, {kUntilEnd.begin(), kUntilEnd.end()});
    const ReadLatch latch = bench.bus->read_latch();
    const auto read = [&](uint8_t reg) {
      const RegisterRead r = *bench.bus->Read(kAddress, reg);
      return std::pair(r.value, LatchSpan{r.begin + latch.after_begin, r.end - latch.before_end});
    };
    std::array<int64_t, 3> conversions{};
    bench.clock.Advance(Milliseconds(20));
    for (int i = 0; i < 500; ++i) {
      const MonotonicTime next = bench.clock.Now() + Milliseconds(1);
      const auto [flag, flag_span] = read(0x0F);
      freshness.OnFlag((flag & 1) != 0, flag_span);
      for (size_t channel = 0; channel < 3; ++channel) {
        const uint8_t reg = ina3221::ShuntRegister(channel);
        const LatchSpan span = read(reg).second;
        const int64_t now = bench.chip->Conversions(reg, span.earliest);
        const bool is_new = now != std::exchange(conversions[channel], now);
        const Freshness told = freshness.OnRead(channel, span, false);
        if (told == Freshness::kUnknown) continue;
        EXPECT_EQ(told == Freshness::kFresh, is_new) << seed << " " << i << " " << channel;
        (is_new ? fresh : repeats) += 1;
      }
      bench.clock.SleepUntil(next);
    }
  }
  EXPECT_GT(repeats, 10'000) << "of 25000";
  EXPECT_GT(fresh, 0);
}

TEST(Ina3221Source, AChangedValueIsFresh) {
  Bench bench(&Restless, {.seed = 2, .noise_steps = 0});
  auto source = bench.Open();
  std::map<uint32_t, int64_t> last;
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(source->Read(&readings).ok());
  for (const ChannelReading& r : readings) {
    if (last.contains(r.channel) && last[r.channel] != r.reading.raw) {
      EXPECT_EQ(r.reading.freshness, Freshness::kFresh);
    }
    last[r.channel] = r.reading.raw;
  }
}

TEST(Ina3221Source, RefusesAChipThatIsNoIna3221) {
  Bench bench(Constant(1));
  bench.bus->Answer({0x5449, 0x2260});
  const auto source = Ina3221Source::Open(bench.bus, Wiring());
  EXPECT_EQ(source.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(source.status().ToString().find("0x2260"), std::string::npos) << source.status();
}

TEST(Ina3221Source, RefusesAnAddressThatNobodyAnswers) {
  Bench bench(Constant(1));
  Ina3221Wiring wiring = Wiring();
  wiring.address = 0x42;
  const auto source = Ina3221Source::Open(bench.bus, wiring);
  EXPECT_EQ(source.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(source.status().ToString().find("0x42"), std::string::npos) << source.status();
}

TEST(Ina3221Source, RefusesAWiringThatMeasuresNothing) {
  Bench bench(Constant(1));
  EXPECT_EQ(Ina3221Source::Open(bench.bus, {}).status().code(), absl::StatusCode::kInvalidArgument);
  Ina3221Wiring wiring = Wiring();
  wiring.channels[1]->shunt_ohm = 0;
  EXPECT_EQ(Ina3221Source::Open(bench.bus, wiring).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Ina3221Source, AChannelThatFailsOnceLeavesTheOthersIn) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  bench.bus->FailRead(absl::UnavailableError("arbitration lost"),
                      2);  // flag and one current succeed
  std::vector<ChannelReading> readings;
  EXPECT_EQ(source->Read(&readings).code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_EQ(readings[0].channel, 0u);
  EXPECT_EQ(readings[1].channel, 2u);
  EXPECT_EQ(readings[2].channel, 3u) << "a voltage";
}

TEST(Ina3221Source, AChipThatIsGoneIsNotAskedForItsOtherChannels) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  bench.bus->FailRead(absl::NotFoundError("no chip"), 2);
  std::vector<ChannelReading> readings;
  EXPECT_EQ(source->Read(&readings).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(readings.size(), 1u);
}

TEST(Ina3221Source, TakesTheAveragingAndTheConversionTimeThatTheBoardNeeds) {
  Bench bench(Constant(1));
  Ina3221Wiring wiring = Wiring();
  wiring.averages = 64;
  wiring.conversion_us = 1100;
  auto source = Ina3221Source::Open(bench.bus, wiring);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(bench.bus->Read(kAddress, 0x00)->value, 0x7727);
  const v1::ChannelInfo& in = (*source)->channels()[0];
  EXPECT_DOUBLE_EQ(in.window().period_s(), 6.6e-3);
  EXPECT_EQ(in.window().average(), 64u);
  EXPECT_NEAR(in.independent_hz(), 1 / 6.6e-3 / 127, 1e-9);
  wiring.averages = 63;
  EXPECT_EQ(Ina3221Source::Open(bench.bus, wiring).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Ina3221Source, NoticesWithinASecondThatSomebodyElseProgrammedTheChip) {
  Bench bench(Constant(1));
  auto source = bench.Open();
  ASSERT_TRUE(bench.bus->Write(kAddress, 0x00, 0x7127).ok());
  absl::Status status;
  int ticks = 0;
  for (; status.ok() && ticks < 2000; ++ticks) {
    const MonotonicTime next = bench.clock.Now() + Milliseconds(1);
    std::vector<ChannelReading> readings;
    status = source->Read(&readings);
    bench.clock.SleepUntil(next);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_LE(ticks, 1001);
  EXPECT_NE(status.ToString().find("0x7127"), std::string::npos) << status;
}

TEST(SimI2cBus, TakesTheBitsTimeAndLatchesWithinIt) {
  Bench bench(Constant(1));
  const MonotonicTime begin = bench.clock.Now();
  const absl::StatusOr<RegisterRead> read = bench.bus->Read(kAddress, 0x00);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->begin, begin);
  EXPECT_EQ((read->end - read->begin).count, 117'500);  // 47 bits at 400 kHz
  EXPECT_EQ(bench.bus->read_latch().after_begin.count, 72'500);
  EXPECT_EQ(bench.bus->read_latch().before_end.count, 45'000);

  FakeClock clock;
  SimI2cBus slow("i2c-0", 100'000, clock);
  EXPECT_EQ((slow.read_latch().after_begin + slow.read_latch().before_end).count, 470'000);
}

TEST(SimI2cBus, CarriesSeveralChips) {
  FakeClock clock;
  FunctionTrace one = FunctionTrace::Constant(1, 19), two = FunctionTrace::Constant(2, 19);
  SimI2cBus bus("i2c-1", 400'000, clock);
  const std::array<Ina3221Input, 3> inputs{Ina3221Input{0, 0.020}, Ina3221Input{1, 0.010},
                                           Ina3221Input{2, 0.010}};
  const Ina3221ChipOptions ideal{.seed = 1, .noise_steps = 0, .gain_tolerance = 0};
  bus.Attach(0x40, std::make_unique<Ina3221Chip>(ideal, inputs, one, clock.Now()));
  bus.Attach(0x41, std::make_unique<Ina3221Chip>(ideal, inputs, two, clock.Now()));
  clock.Advance(Milliseconds(20));
  EXPECT_EQ(ina3221::Steps(bus.Read(0x40, 0x01)->value), 500);
  EXPECT_EQ(ina3221::Steps(bus.Read(0x41, 0x01)->value), 1000);
  EXPECT_EQ(bus.Read(0x42, 0x01).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace synergy
