#include "daemon/power/hwmon_ina3221_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>

#include "tests/conformance/power_source_suite.h"
#include "tests/daemon/power/fake_ina3221_hwmon.h"
#include "tests/support/fake_clock.h"
#include "tests/support/read_faults.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Bench {
  FakeIna3221Hwmon chip;
  FakeClock clock;
  ReadFaults faults;
  RailNames names;
  KnownIna3221 known;

  absl::StatusOr<std::unique_ptr<HwmonIna3221Source>> TryOpen() {
    const std::vector<HwmonDevice> devices = ListHwmon(chip.tree.root());
    EXPECT_EQ(devices.size(), 1u);
    EXPECT_TRUE(HwmonIna3221Source::Fits(devices[0]));
    return HwmonIna3221Source::Open(chip.tree.root(), devices[0], known, names, chip.settings,
                                    clock);
  }
  std::unique_ptr<HwmonIna3221Source> Open() {
    auto source = TryOpen();
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }
  // Each read of a current or voltage lasts `us` microseconds.
  void ReadsLast(std::function<int64_t()> us) {
    faults.Set([this, us = std::move(us)](const std::string& path) {
      if (path.ends_with("_input")) clock.Advance(Microseconds(us()));
      return 0;
    });
  }
};

SourceUnderTest MakeFake() {
  auto bench = std::make_shared<Bench>();
  SourceUnderTest t;
  t.clock = &bench->clock;
  t.untouchable_before = bench->chip.tree.Contents();
  t.source = bench->Open();
  t.fail_next = [b = bench.get()](absl::StatusCode code) {
    b->faults.FailNext("/curr1_input", code == absl::StatusCode::kNotFound ? ENODEV : EIO);
    return "EIO";
  };
  t.vanish = [b = bench.get()] { b->chip.Unbind(); };
  t.come_back = [b = bench.get()] { b->chip.Bind(7); };
  t.truth = [](const v1::ChannelInfo& channel) {
    const bool current = channel.quantity() == v1::ChannelInfo::QUANTITY_CURRENT;
    if (channel.rail() == "VDD_GPU_SOC") return current ? 0.5 : 19.0;
    if (channel.rail() == "VDD_CPU_CV") return current ? 1.0 : 19.008;
    return current ? 1.5 : 5.04;
  };
  t.untouchable = [b = bench.get()] {
    auto files = b->chip.tree.Contents();
    for (const auto& [file, text] : b->chip.settings.originals()) files.erase(file);
    return files;
  };
  t.bench = std::move(bench);
  return t;
}
INSTANTIATE_TEST_SUITE_P(HwmonIna3221Source, PowerSourceSuite, testing::Values(&MakeFake));

TEST(HwmonIna3221Source, SetsTheFastestSamplingThroughTheSettingWriter) {
  Bench bench;
  auto source = bench.Open();
  // 13 ms is for the test whether reads wait.
  EXPECT_THAT(bench.chip.settings.log(),
              ElementsAre(Pair("samples", "1"), Pair("update_interval", "13"),
                          Pair("update_interval", "0")));
  for (const std::string& path : bench.chip.settings.asked()) {
    EXPECT_THAT(path, HasSubstr("/1-0040/hwmon/hwmon2/")) << "never through class/hwmon";
  }
  EXPECT_EQ(bench.chip.conversion_us, 140);
  EXPECT_EQ(source->cycle(), (Ina3221Cycle{3, 1, 140}));
  ASSERT_EQ(source->channels().size(), 6u);
  const v1::ChannelInfo& gpu = source->channels()[0];
  EXPECT_EQ(gpu.rail(), "VDD_GPU_SOC");
  EXPECT_EQ(gpu.quantity(), v1::ChannelInfo::QUANTITY_CURRENT);
  EXPECT_EQ(gpu.source(), "ina3221 1-0040 channel 1, shunt 2 mOhm");
  EXPECT_DOUBLE_EQ(gpu.scale(), 1e-3);
  EXPECT_DOUBLE_EQ(gpu.window().slot_s(), 140e-6);
  EXPECT_DOUBLE_EQ(gpu.window().period_s(), 840e-6);
  EXPECT_DOUBLE_EQ(gpu.window().period_tolerance(), 0.1);
  EXPECT_EQ(gpu.window().average(), 1u);
  EXPECT_FALSE(gpu.window().phase_known());
  EXPECT_EQ(gpu.window().cycle(), "ina3221 1-0040");
  EXPECT_DOUBLE_EQ(gpu.window().offset(), 1.0 / 6);
  EXPECT_DOUBLE_EQ(source->channels()[4].window().offset(), 4.0 / 6);
  EXPECT_DOUBLE_EQ(gpu.gain_tolerance(), 0.0125) << "the chip's 0.25 % and the shunt's 1 %";
  EXPECT_DOUBLE_EQ(source->channels()[4].gain_tolerance(), 0.0025);
  EXPECT_EQ(source->channels()[5].quantity(), v1::ChannelInfo::QUANTITY_VOLTAGE);
  EXPECT_DOUBLE_EQ(source->max_rate_hz(), 2 / 840e-6) << "twice for each conversion";
  EXPECT_THAT(source->Remarks(), testing::Not(testing::Contains(HasSubstr("profile"))));
}

TEST(HwmonIna3221Source, GoesAsFastAsTheBoardIsKnownToAllow) {
  Bench bench;
  bench.known = {.averages = 4, .conversion_us = 332};
  auto source = bench.Open();
  EXPECT_EQ(bench.chip.samples(), 4);
  EXPECT_EQ(bench.chip.conversion_us, 332);
  EXPECT_EQ(source->cycle(), (Ina3221Cycle{3, 4, 332}));
  EXPECT_EQ(source->channels()[0].window().average(), 4u);
  EXPECT_THAT(source->Remarks(), testing::Not(testing::Contains(HasSubstr("profile"))));
}

TEST(HwmonIna3221Source, SaysWhereItCannotDoWhatTheBoardIsKnownToAllow) {
  Bench bench;
  bench.known = {.averages = 0, .conversion_us = 204};
  auto source = bench.Open();
  // 1 ms of three channels is 140 us, 2 ms is 332: no whole number of milliseconds gives 204.
  EXPECT_EQ(source->cycle(), (Ina3221Cycle{3, 1, 332})) << "rather slower than faster";
  EXPECT_THAT(source->Remarks(),
              testing::Contains(HasSubstr("knows 1 averages of 204 us to work, and the chip does 1 "
                                          "of 332 us")));
}

TEST(HwmonIna3221Source, ATreeOfPlainFilesShowsWhatWasAskedFor) {
  Bench bench;
  bench.chip.settings.SetDriver([&](const std::string& path, const std::string& value) {
    bench.chip.WriteFile(std::filesystem::path(path).filename().string(), value);
    return value;
  });
  auto source = bench.Open();
  EXPECT_EQ(bench.chip.tree.Read(bench.chip.File("update_interval")), "0");
  EXPECT_EQ(source->cycle(), (Ina3221Cycle{3, 1, 140}));
  EXPECT_DOUBLE_EQ(source->channels()[0].window().period_s(), 840e-6);
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 3; ++i) {
    bench.clock.Advance(Milliseconds(1100));
    EXPECT_TRUE(source->Read(&readings).ok()) << "nobody else changed it";
  }
}

TEST(HwmonIna3221Source, SwitchesOffWhatIsNotConnectedAndIsFasterForIt) {
  Bench bench;
  bench.chip.WriteFile("in2_label", "NC");
  bench.chip.WriteFile("in3_label", "NC");
  auto source = bench.Open();
  EXPECT_EQ(bench.chip.tree.Read(bench.chip.File("in2_enable")), "0");
  EXPECT_EQ(bench.chip.tree.Read(bench.chip.File("in3_enable")), "0");
  ASSERT_EQ(source->channels().size(), 2u);
  // 0.28 ms reads as 0.
  EXPECT_EQ(bench.chip.tree.Read(bench.chip.File("update_interval")), "0");
  EXPECT_DOUBLE_EQ(source->channels()[0].window().period_s(), 280e-6);
}

TEST(HwmonIna3221Source, AChannelThatIsOffStaysOff) {
  Bench bench;
  bench.chip.WriteFile("in1_enable", "0");
  auto source = bench.Open();
  ASSERT_EQ(source->channels().size(), 4u);
  EXPECT_EQ(source->channels()[0].rail(), "VDD_CPU_CV");
  EXPECT_EQ(bench.chip.tree.Read(bench.chip.File("in1_enable")), "0");
  EXPECT_DOUBLE_EQ(source->channels()[0].window().period_s(), 560e-6);
  EXPECT_DOUBLE_EQ(source->channels()[0].window().offset(), 1.0 / 4);
}

TEST(HwmonIna3221Source, MeasuresWithTheSettingsThatAreThereWhereItMayNotChangeThem) {
  Bench bench;
  bench.chip.Store("samples", "64");
  bench.chip.settings.Refuse(absl::PermissionDeniedError("not permitted (EACCES)"));
  auto source = bench.Open();
  EXPECT_EQ(source->cycle(), (Ina3221Cycle{3, 64, 1100}));
  EXPECT_EQ(source->channels()[0].window().average(), 64u);
  EXPECT_DOUBLE_EQ(source->channels()[0].window().period_s(), 6.6e-3);
  ASSERT_FALSE(source->Remarks().empty());
  EXPECT_THAT(source->Remarks()[0], HasSubstr("EACCES"));
}

TEST(HwmonIna3221Source, KnowsTheResetValuesOfDriversThatShowNoSettings) {
  Bench bench;
  for (const char* file : {"samples", "update_interval", "in1_enable", "in2_enable", "in3_enable",
                           "in1_label", "in2_label", "in3_label", "shunt1_resistor"}) {
    bench.chip.tree.Remove(bench.chip.File(file));
  }
  auto source = bench.Open();
  EXPECT_TRUE(bench.chip.settings.log().empty());
  EXPECT_DOUBLE_EQ(source->channels()[0].window().slot_s(), 1100e-6);
  EXPECT_DOUBLE_EQ(source->channels()[0].window().period_s(), 6600e-6);
  EXPECT_EQ(source->channels()[0].rail(), "ina3221 1-0040 channel 1");
  EXPECT_EQ(source->channels()[0].source(), "ina3221 1-0040 channel 1");
}

TEST(HwmonIna3221Source, AnIntervalThatNoConversionTimeGivesLeavesTheWindowUnknown) {
  Bench bench;
  bench.chip.settings.Refuse(absl::PermissionDeniedError("no"));
  bench.chip.WriteFile("update_interval", "5");  // shunt and bus differ: 3 x (588 + 1100) us
  auto source = bench.Open();
  EXPECT_EQ(source->channels()[0].window().period_s(), 0);
  EXPECT_EQ(source->channels()[0].window().cycle(), "");
  std::vector<ChannelReading> readings;
  EXPECT_TRUE(source->Read(&readings).ok());
}

TEST(HwmonIna3221Source, FindsOutThatReadsWaitAndTakesThemForFresh) {
  Bench bench;
  bench.ReadsLast([&] { return bench.chip.cycle_us(); });
  auto source = bench.Open();
  ASSERT_TRUE(source->reads_wait().has_value());
  EXPECT_TRUE(*source->reads_wait());
  EXPECT_NEAR(source->max_rate_hz(), 0.8 / (4 * 0.84e-3), 1e-6);
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(source->Read(&readings).ok());
  for (const ChannelReading& r : readings) EXPECT_EQ(r.reading.freshness, Freshness::kFresh);
}

TEST(HwmonIna3221Source, FindsOutThatReadsDoNotWaitOverASlowBus) {
  Bench bench;
  bench.ReadsLast([] { return 940; });  // two registers at 100 kHz
  auto source = bench.Open();
  EXPECT_NEAR(source->max_rate_hz(), 0.8 / (4 * 0.94e-3), 1e-6) << "more ticks would be missed";
  ASSERT_TRUE(source->reads_wait().has_value());
  EXPECT_FALSE(*source->reads_wait());
}

TEST(HwmonIna3221Source, AConstantRailIsUnknownWhereReadsAreCloserThanACycleCanBe) {
  Bench bench;
  bench.ReadsLast([] { return 100; });
  auto source = bench.Open();
  const auto freshness = [&](Nanoseconds tick) {
    std::vector<ChannelReading> readings;
    for (int i = 0; i < 50; ++i) {
      const MonotonicTime next = bench.clock.Now() + tick;
      EXPECT_TRUE(source->Read(&readings).ok());
      bench.clock.SleepUntil(next);
    }
    return readings.back().reading.freshness;
  };
  // 0.84 ms at 10 % too slow are 0.924 ms; the read itself takes 0.1.
  EXPECT_EQ(freshness(Microseconds(1000)), Freshness::kUnknown);
  EXPECT_EQ(freshness(Microseconds(1030)), Freshness::kFresh);
}

TEST(HwmonIna3221Source, AChangedValueIsFresh) {
  Bench bench;
  auto source = bench.Open();
  std::vector<ChannelReading> readings;
  ASSERT_TRUE(source->Read(&readings).ok());
  EXPECT_EQ(readings[0].reading.freshness, Freshness::kUnknown);
  bench.chip.WriteFile("curr1_input", "520");
  readings.clear();
  ASSERT_TRUE(source->Read(&readings).ok());
  EXPECT_EQ(readings[0].reading.raw, 520);
  EXPECT_EQ(readings[0].reading.freshness, Freshness::kFresh);
  EXPECT_NE(readings[1].reading.freshness, Freshness::kFresh);
}

TEST(HwmonIna3221Source, ReadsCurrentsEachTickAndEachVoltageTenTimesASecond) {
  Bench bench;
  auto source = bench.Open();
  std::map<uint32_t, int> count;
  int most = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<ChannelReading> readings;
    ASSERT_TRUE(source->Read(&readings).ok());
    for (const ChannelReading& r : readings) ++count[r.channel];
    if (i < 3) {
      EXPECT_EQ(readings.back().channel, 3u + static_cast<uint32_t>(i))
          << "voltages from the start";
    }
    most = std::max(most, static_cast<int>(readings.size()));
    bench.clock.Advance(Milliseconds(1));
  }
  for (uint32_t current = 0; current < 3; ++current) EXPECT_EQ(count[current], 3000);
  for (uint32_t voltage = 3; voltage < 6; ++voltage) EXPECT_NEAR(count[voltage], 30, 2);
  EXPECT_EQ(most, 4);
}

TEST(HwmonIna3221Source, OneChannelWithoutDataDoesNotCostTheOthers) {
  Bench bench;
  auto source = bench.Open();
  bench.faults.FailNext("/curr2_input", ENODATA);
  std::vector<ChannelReading> readings;
  const absl::Status status = source->Read(&readings);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("curr2_input"));
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_EQ(readings[0].channel, 0u);
  EXPECT_EQ(readings[1].channel, 2u);
}

TEST(HwmonIna3221Source, LooksForAVanishedChipOnceASecond) {
  Bench bench;
  auto source = bench.Open();
  bench.chip.Unbind();
  std::vector<ChannelReading> readings;
  EXPECT_TRUE(absl::IsNotFound(source->Read(&readings)));
  bench.chip.Bind(9);
  bench.clock.Advance(Milliseconds(900));
  EXPECT_TRUE(absl::IsNotFound(source->Read(&readings)));
  bench.clock.Advance(Milliseconds(101));
  EXPECT_TRUE(source->Read(&readings).ok());
  EXPECT_EQ(bench.chip.conversion_us, 140) << "the driver resets the chip when it is bound";
}

TEST(HwmonIna3221Source, NoticesWithinASecondThatSomebodyElseChangedTheSettings) {
  Bench bench;
  auto source = bench.Open();
  bench.chip.Store("samples", "16");
  absl::Status status;
  int ticks = 0;
  for (; status.ok() && ticks < 2000; ++ticks) {
    std::vector<ChannelReading> readings;
    status = source->Read(&readings);
    bench.clock.Advance(Milliseconds(1));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_LE(ticks, 1002);
}

TEST(HwmonIna3221Source, RefusesAChipWithoutAnyChannel) {
  Bench bench;
  for (const char* file : {"in1_enable", "in2_enable", "in3_enable"}) {
    bench.chip.WriteFile(file, "0");
  }
  const auto source = bench.TryOpen();
  EXPECT_EQ(source.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(source.status().ToString(), HasSubstr("echo 1 >"));
}

TEST(HwmonIna3221Source, TwoChipsWithTheSameLabelsHaveRailsOfTheirOwn) {
  Bench bench;
  bench.names.Take("VIN_SYS_5V0");
  auto source = bench.Open();
  EXPECT_EQ(source->channels()[2].rail(), "VIN_SYS_5V0#2");
}

TEST(Ina3221HwmonTiming, AsksForTheTimeOrTheNextLongerOne) {
  for (const int channels : {1, 2, 3}) {
    for (const int samples : ina3221::kAverages) {
      for (const int us : ina3221::kConversionUs) {
        const Ina3221Interval interval = IntervalFor(channels, samples, us);
        EXPECT_GE(interval.conversion_us, us);
        // What the driver takes for it, as the fake one does.
        EXPECT_EQ(FakeIna3221Hwmon::Nearest(
                      ina3221::kConversionUs,
                      (interval.ms * 500 + channels * samples / 2) / (channels * samples)),
                  interval.conversion_us);
        const int64_t shown_ms = (2L * channels * samples * interval.conversion_us + 500) / 1000;
        EXPECT_EQ(CycleOfInterval(channels, samples, shown_ms, interval),
                  (Ina3221Cycle{channels, samples, interval.conversion_us}));
      }
    }
  }
}

TEST(Ina3221HwmonTiming, TakesTheConversionThatWasAskedForOrTheNearest) {
  EXPECT_EQ(CycleOfInterval(1, 1, 1), (Ina3221Cycle{1, 1, 588})) << "1.18 ms, not the 0.66 of 332";
  EXPECT_EQ(CycleOfInterval(2, 1, 1), (Ina3221Cycle{2, 1, 204})) << "0.82 ms, not the 0.56 of 140";
  EXPECT_EQ(CycleOfInterval(2, 1, 1, Ina3221Interval{0, 140}), (Ina3221Cycle{2, 1, 140}));
  EXPECT_EQ(CycleOfInterval(3, 1, 0, Ina3221Interval{0, 140}), (Ina3221Cycle{3, 1, 140}))
      << "plain files";
  EXPECT_EQ(CycleOfInterval(3, 1, 7, Ina3221Interval{0, 140}), (Ina3221Cycle{3, 1, 1100}))
      << "somebody else set it";
  EXPECT_EQ(CycleOfInterval(3, 1, 1), (Ina3221Cycle{3, 1, 140}));
  EXPECT_EQ(CycleOfInterval(1, 1, 0), (Ina3221Cycle{1, 1, 140}));
  EXPECT_EQ(CycleOfInterval(3, 1, 7), (Ina3221Cycle{3, 1, 1100}));
  EXPECT_EQ(CycleOfInterval(3, 64, 422), (Ina3221Cycle{3, 64, 1100}));
  EXPECT_EQ(CycleOfInterval(3, 1, 5), std::nullopt);
  EXPECT_EQ(CycleOfInterval(3, 3, 1), std::nullopt);
  EXPECT_EQ(CycleOfInterval(0, 1, 0), std::nullopt);
}

std::vector<StampedInteger> ReadsOf(const std::vector<int64_t>& us) {
  std::vector<StampedInteger> reads;
  int64_t at = 0;
  for (const int64_t span : us) {
    reads.push_back({.begin_ns = at, .end_ns = at + span * 1000});
    at += span * 1000;
  }
  return reads;
}

TEST(Ina3221HwmonTiming, TellsWaitingReadsFromHeldUpOnes) {
  const double ready_s = 12.7e-3;
  EXPECT_EQ(ReadsWait(ReadsOf({12700, 12700, 12700, 12700, 12700, 12700}), ready_s), true);
  // The kernel's poll comes late, so that the next read finds the flag set.
  EXPECT_EQ(ReadsWait(ReadsOf({13000, 4000, 21000, 300, 14000, 12700}), ready_s), true);
  EXPECT_EQ(ReadsWait(ReadsOf({235, 235, 235, 235, 235, 235}), ready_s), false);
  // Two of six were held up by another program for long.
  EXPECT_EQ(ReadsWait(ReadsOf({235, 90000, 235, 90000, 235, 235}), ready_s), false);
  // Slower than any bus, faster than the chip.
  EXPECT_EQ(ReadsWait(ReadsOf({4000, 4000, 4000, 4000, 4000, 4000}), ready_s), std::nullopt);
  EXPECT_EQ(ReadsWait(ReadsOf({840, 840, 840, 840, 840, 840}), 0.84e-3), std::nullopt);
  EXPECT_EQ(ReadsWait(ReadsOf({12700, 12700}), ready_s), std::nullopt);
}

}  // namespace
}  // namespace synergy
