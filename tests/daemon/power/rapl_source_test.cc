#include "daemon/power/rapl_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "daemon/power/energy_counter.h"
#include "tests/daemon/power/sysfs_bench.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As Documentation/power/powercap/powercap.rst lays it out.
constexpr int64_t kRangeUj = 262'143'328'850;

std::string AddZone(FakeSysfs& tree, const std::string& zone, const std::string& name,
                    int64_t energy_uj) {
  const std::string folder = "devices/virtual/powercap/" + zone;
  tree.Write(folder + "/name", name);
  tree.Write(folder + "/energy_uj", std::to_string(energy_uj));
  tree.Write(folder + "/max_energy_range_uj", std::to_string(kRangeUj));
  tree.Link("class/powercap/" + zone, folder);
  return folder;
}

void AddRapl(FakeSysfs& tree) {
  tree.Write("devices/virtual/powercap/intel-rapl/enabled", "1");
  tree.Link("class/powercap/intel-rapl", "devices/virtual/powercap/intel-rapl");
  AddZone(tree, "intel-rapl:0", "package-0", 1'000'000);
  AddZone(tree, "intel-rapl:0:0", "core", 500'000);
  AddZone(tree, "intel-rapl:0:1", "dram", 100'000);
  AddZone(tree, "intel-rapl:1", "psys", 2'000'000);
  AddZone(tree, "intel-rapl-mmio:0", "package-0", 1'000'000);
}

constexpr char kPackage[] = "devices/virtual/powercap/intel-rapl:0/energy_uj";

SourceUnderTest MakeRapl() {
  auto bench = std::make_shared<SysfsBench>();
  AddRapl(bench->tree);
  auto before = bench->tree.Contents();
  auto found = OpenRapl(bench->tree.root(), bench->names, bench->clock);
  SourceUnderTest t = OnTree(bench, std::move(found), std::move(before), "intel-rapl:0/energy_uj");
  t.truth = [](const v1::ChannelInfo& channel) {
    if (channel.rail() == "package-0") return 1.0;
    if (channel.rail() == "package-0 core") return 0.5;
    return channel.rail() == "psys" ? 2.0 : 0.1;
  };
  t.vanish = [b = bench.get()] {
    b->tree.Remove("class/powercap");
    b->tree.Remove("devices/virtual/powercap");
  };
  t.come_back = [b = bench.get()] { AddRapl(b->tree); };
  return t;
}
INSTANTIATE_TEST_SUITE_P(RaplSource, PowerSourceSuite, testing::Values(&MakeRapl));

TEST(RaplSource, NamesItsZonesAndSaysWhatContainsWhat) {
  SysfsBench bench;
  AddRapl(bench.tree);
  EXPECT_TRUE(HasRapl(bench.tree.root()));
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok()) << found.status();
  std::vector<std::string> rails;
  for (const v1::RailInfo& rail : found->rails) {
    rails.push_back(rail.name() + " in " + rail.contained_in());
  }
  EXPECT_THAT(rails, ElementsAre("psys in ", "package-0 in psys", "package-0 core in package-0",
                                 "package-0 dram in psys"))
      << "the zones of intel-rapl-mmio count the same again";
  const v1::ChannelInfo& package = found->source->channels()[0];
  EXPECT_EQ(package.quantity(), v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
  EXPECT_DOUBLE_EQ(package.scale(), 1e-6);
  EXPECT_DOUBLE_EQ(package.window().period_s(), 1e-3);
  EXPECT_EQ(package.source(), "rapl intel-rapl:0");
  EXPECT_DOUBLE_EQ(found->source->max_rate_hz(), 2000)
      << "twice for each update, however fast the files are read";
}

TEST(RaplSource, WrapsOnceAtMaxEnergyRange) {
  SysfsBench bench;
  AddRapl(bench.tree);
  bench.tree.Write(kPackage, std::to_string(kRangeUj - 1'000'000));
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  bench.clock.Advance(Milliseconds(1000));
  ASSERT_TRUE(found->source->Read(&readings).ok());
  const int64_t before = readings[0].reading.raw;
  bench.clock.Advance(Milliseconds(1000));
  bench.tree.Write(kPackage, "2000000");
  for (int i = 0; i < 3; ++i) {
    readings.clear();
    ASSERT_TRUE(found->source->Read(&readings).ok());
    EXPECT_EQ(readings[0].reading.raw - before, 3'000'000) << "3 J, once";
  }
  EXPECT_THAT(found->source->Remarks(), IsEmpty());
}

TEST(RaplSource, AResetIsAGapAndNoWrapOfAQuarterMegajoule) {
  SysfsBench bench;
  AddRapl(bench.tree);
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  bench.tree.Write(kPackage, "0");
  bench.clock.Advance(Milliseconds(1));
  const absl::Status status = found->source->Read(&readings);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(),
              HasSubstr("rapl: its counter of package-0 went from 1000000 to 0 uJ (it was reset); "
                        "the energy of the 1 ms before is missing"));
  ASSERT_EQ(readings.size(), 4u) << "the other zones are read";
  EXPECT_EQ(readings[0].reading.raw, 0) << "less than before: its difference is no energy";
  readings.clear();
  bench.tree.Write(kPackage, "500");
  ASSERT_TRUE(found->source->Read(&readings).ok());
  EXPECT_EQ(readings[0].reading.raw, 500);
  EXPECT_THAT(found->source->Remarks(),
              ElementsAre(HasSubstr("package-0 was reset, or leapt, once")));
}

TEST(RaplSource, ALeapBeyondWhatTheZoneCanDrawIsAGapAndNoReadingOfGigawatts) {
  SysfsBench bench;
  AddRapl(bench.tree);
  bench.tree.Write("devices/virtual/powercap/intel-rapl:0/constraint_0_max_power_uw", "15000000");
  bench.tree.Write("devices/virtual/powercap/intel-rapl:0/constraint_1_power_limit_uw", "25000000");
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok());
  const std::string core = "devices/virtual/powercap/intel-rapl:0:0/energy_uj";
  std::vector<ChannelReading> readings;
  const auto read_after_a_second = [&](int64_t package_uj, int64_t core_uj) {
    bench.tree.Write(kPackage, std::to_string(package_uj));
    bench.tree.Write(core, std::to_string(core_uj));
    bench.clock.Advance(Milliseconds(1000));
    readings.clear();
    return found->source->Read(&readings);
  };
  EXPECT_TRUE(read_after_a_second(100'000'000, 500'000).ok()) << "99 W for a moment, from 25 W";
  EXPECT_EQ(readings[0].reading.raw, 100'000'000);
  const absl::Status leapt = read_after_a_second(201'000'000, 500'000);
  EXPECT_EQ(leapt.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(leapt.ToString(), HasSubstr("more than the 100 W that it can draw at most"));
  EXPECT_EQ(readings[0].reading.raw, 0);
  EXPECT_FALSE(read_after_a_second(201'000'000, 200'000'000).ok())
      << "a core draws no more than its package";
  EXPECT_TRUE(read_after_a_second(206'000'000, 201'000'000).ok());
  EXPECT_EQ(readings[0].reading.raw, 5'000'000);
}

TEST(RaplSource, TellsWhoMayNotReadToRunAsRoot) {
  SysfsBench bench;
  AddRapl(bench.tree);
  bench.faults.Set(
      [](const std::string& path) { return path.ends_with("energy_uj") ? EACCES : 0; });
  const auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  EXPECT_EQ(found.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(found.status().ToString(), HasSubstr("run synergyd as root"));
  EXPECT_THAT(found.status().ToString(), HasSubstr("rapl"));
}

TEST(RaplSource, TwoWattsForThreeSecondsAreSixJoules) {
  SysfsBench bench;
  AddRapl(bench.tree);
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  for (int ms = 0; ms <= 3000; ms += 50) {
    bench.tree.Write(kPackage, std::to_string((1'000'000 + 2000L * ms) % kRangeUj));
    ASSERT_TRUE(found->source->Read(&readings).ok());
    bench.clock.Advance(Milliseconds(50));
  }
  const int64_t used = readings[readings.size() - 4].reading.raw - readings[0].reading.raw;
  EXPECT_DOUBLE_EQ(static_cast<double>(used) * 1e-6, 6.0);
  EXPECT_EQ(readings[4].reading.freshness, Freshness::kFresh);
}

TEST(EnergyCounter, BeginsAnewInAnotherLifeAndAfterAReset) {
  EnergyCounter counter(0);
  EXPECT_EQ(counter.Advance(100, 0).total_uj, 100);
  EXPECT_EQ(counter.Advance(150, 1).total_uj, 150);
  counter.Restart();
  const EnergyCounter::Counted life = counter.Advance(5, 2);
  EXPECT_EQ(life.total_uj, 0) << "what was used meanwhile is not known";
  EXPECT_EQ(life.fault, "") << "its absence was told";
  EXPECT_EQ(counter.Advance(7, 3).total_uj, 2);
  const EnergyCounter::Counted reset = counter.Advance(1, 4);
  EXPECT_EQ(reset.total_uj, 0) << "without a range there is no wrap";
  EXPECT_NE(reset.fault, "");
  EXPECT_EQ(counter.Advance(4, 5).total_uj, 3);
  EXPECT_EQ(counter.faults(), 1u);
}

TEST(EnergyCounter, NeverCountsMoreThanCanBeDrawn) {
  EnergyCounter counter(0, 50);
  EXPECT_EQ(counter.Advance(0, 0).fault, "");
  EXPECT_EQ(counter.Advance(500'000, 1).fault, "") << "0.5 J at once: an update that came late";
  EXPECT_NE(counter.Advance(1'100'000, 2).fault, "") << "0.6 J in 10 ms";
  EXPECT_EQ(counter.Advance(1'200'000, 3).total_uj, 100'000);
  EXPECT_EQ(counter.Advance(51'200'000, 3 + 1'000'000'000).total_uj, 50'100'000) << "50 W";
}

}  // namespace
}  // namespace synergy
