#include "daemon/power/iio_ina3221_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <utility>

#include "tests/daemon/power/sysfs_bench.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As L4T 28 on a TX1 shows it.
constexpr char kIio[] = "devices/7000c400.i2c/i2c-1/1-0040/iio_device";

void AddIio(FakeSysfs& tree, const std::string& mode) {
  const std::string folder = kIio;
  const char* rails[] = {"VDD_IN", "VDD_GPU", "VDD_CPU"};
  for (int n = 0; n < 3; ++n) {
    const std::string number = std::to_string(n);
    tree.Write(folder + "/rail_name_" + number, rails[n]);
    tree.Write(folder + "/in_power" + number + "_input", std::to_string(1000 * (n + 1)));
    tree.Write(folder + "/in_voltage" + number + "_input", "19000");
    tree.Write(folder + "/in_current" + number + "_input", "100");
    tree.Write(folder + "/in_power" + number + "_trigger_input", mode == "0" ? "0" : "900");
  }
  tree.Write(folder + "/running_mode", mode);
  tree.Link("bus/i2c/devices/1-0040", "devices/7000c400.i2c/i2c-1/1-0040");
}

absl::StatusOr<FoundSource> OpenIio(SysfsBench& bench) {
  const std::vector<std::string> folders = ListIioIna3221(bench.tree.root());
  EXPECT_EQ(folders.size(), 1u);
  return OpenIioIna3221(folders.at(0), bench.names, bench.clock);
}

SourceUnderTest MakeIio() {
  auto bench = std::make_shared<SysfsBench>();
  AddIio(bench->tree, "0");
  auto before = bench->tree.Contents();
  auto found = OpenIio(*bench);
  SourceUnderTest t = OnTree(bench, std::move(found), std::move(before), "in_power0_input");
  t.truth = [](const v1::ChannelInfo& channel) {
    if (channel.rail() == "VDD_IN") return 1.0;
    return channel.rail() == "VDD_GPU" ? 2.0 : 3.0;
  };
  t.vanish = [b = bench.get()] {
    b->tree.Remove("bus/i2c/devices/1-0040");
    b->tree.Remove(kIio);
  };
  t.come_back = [b = bench.get()] { AddIio(b->tree, "0"); };
  return t;
}
INSTANTIATE_TEST_SUITE_P(IioIna3221, PowerSourceSuite, testing::Values(&MakeIio));

TEST(IioIna3221Source, InTriggeredModeEachReadIsAConversionOfItsOwn) {
  SourceUnderTest t = MakeIio();
  EXPECT_EQ(t.source->name(), "ina3221x 1-0040");
  EXPECT_EQ(t.source->channels()[0].source(), "ina3221x 1-0040 channel 0, triggered");
  EXPECT_DOUBLE_EQ(t.source->channels()[0].window().period_s(), 840e-6);
  EXPECT_EQ(t.source->channels()[0].window().average(), 1u);
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(t.source->Read(&readings).ok());
  for (const ChannelReading& r : readings) EXPECT_EQ(r.reading.freshness, Freshness::kFresh);
}

TEST(IioIna3221Source, IsReadAsOftenAsItsConversionsAllow) {
  SysfsBench bench;
  AddIio(bench.tree, "0");
  bench.faults.Set([&](const std::string& path) {
    if (path.ends_with("_input")) bench.clock.Advance(Microseconds(2000));
    return 0;
  });
  auto found = OpenIio(bench);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_NEAR(found->source->max_rate_hz(), 0.8 / 6e-3, 1e-6);
}

TEST(IioIna3221Source, HowFastFilesAreReadIsNoLimitOfTheChip) {
  SysfsBench bench;
  AddIio(bench.tree, "0");
  bench.faults.Set([&](const std::string& path) {
    if (path.ends_with("_input")) bench.clock.Advance(Microseconds(1));
    return 0;
  });
  EXPECT_NEAR(OpenIio(bench)->source->max_rate_hz(), 1 / (3 * 840e-6), 1e-6)
      << "triggered: each read takes a conversion of all three";
  bench.tree.Write(std::string(kIio) + "/running_mode", "1");
  EXPECT_NEAR(OpenIio(bench)->source->max_rate_hz(), 2 / 6.6e-3, 1e-6);
  bench.tree.Remove(std::string(kIio) + "/running_mode");
  for (int n = 0; n < 3; ++n) {
    bench.tree.Write(std::string(kIio) + "/in_power" + std::to_string(n) + "_trigger_input", "0");
  }
  EXPECT_TRUE(std::isinf(OpenIio(bench)->source->max_rate_hz())) << "nothing is known of it";
}

TEST(IioIna3221Source, RecordsTheLowPassOfContinuousMode) {
  SysfsBench bench;
  AddIio(bench.tree, "1");
  auto found = OpenIio(bench);
  ASSERT_TRUE(found.ok()) << found.status();
  const v1::Window& window = found->source->channels()[0].window();
  EXPECT_EQ(window.average(), 64u);
  EXPECT_NEAR(window.period_s() * window.average(), 0.4224, 1e-9);
  EXPECT_DOUBLE_EQ(found->source->channels()[0].gain_tolerance(), 0.015)
      << "0.25 % of the voltage and of the current, and the shunt's 1 %";
  // The configuration word of the device tree wins: 512 averages of 140 us conversions.
  bench.tree.Write("devices/7000c400.i2c/i2c-1/1-0040/of_node/unused", "");
  std::ofstream(bench.tree.Path("devices/7000c400.i2c/i2c-1/1-0040/of_node/ti,continuous-config"))
      << std::string("\0\0\x7c\x07", 4);
  auto other = OpenIio(bench);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->source->channels()[0].window().average(), 512u);
  EXPECT_DOUBLE_EQ(other->source->channels()[0].window().period_s(), 840e-6);
}

TEST(IioIna3221Source, RefusesReadingsWhileTheDriverIsInAnotherModeThanDescribed) {
  SysfsBench bench;
  AddIio(bench.tree, "0");
  auto found = OpenIio(bench);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  bench.tree.Write(std::string(kIio) + "/running_mode", "1");
  bench.clock.Advance(Milliseconds(1000));
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = found->source->Read(&readings);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(status.ToString(), HasSubstr("running_mode"));
  }
  EXPECT_THAT(readings, IsEmpty());
  bench.tree.Write(std::string(kIio) + "/running_mode", "0");
  EXPECT_TRUE(found->source->Read(&readings).ok());
}

TEST(IioIna3221Source, WithoutAModeTheTriggerChannelsTellContinuousOnly) {
  SysfsBench bench;
  AddIio(bench.tree, "1");
  bench.tree.Remove(std::string(kIio) + "/running_mode");
  auto found = OpenIio(bench);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->source->channels()[0].window().average(), 64u);
  for (int n = 0; n < 3; ++n) {
    bench.tree.Write(std::string(kIio) + "/in_power" + std::to_string(n) + "_trigger_input", "0");
  }
  auto unknown = OpenIio(bench);
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->source->channels()[0].window().period_s(), 0);
  EXPECT_THAT(unknown->source->Remarks(), ElementsAre(HasSubstr("cannot be told")));
}

}  // namespace
}  // namespace synergy
