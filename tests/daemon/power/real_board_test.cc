#include "daemon/power/real_board.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

BoardProfile Toy(const std::string& id, BoardSigns signs) {
  BoardProfile profile;
  profile.id = id;
  profile.title = id;
  profile.default_rate_hz = 500;
  profile.signs = std::move(signs);
  return profile;
}

RailProfile Rail(const std::string& name, v1::RailScope scope, const std::string& contained_in = "",
                 std::vector<std::string> labels = {}) {
  RailProfile rail;
  rail.info.set_name(name);
  rail.info.set_scope(scope);
  rail.info.set_contained_in(contained_in);
  rail.labels = std::move(labels);
  rail.labels.push_back(name);
  return rail;
}

v1::RailInfo Found(const std::string& name, const std::string& contained_in = "") {
  v1::RailInfo rail;
  rail.set_name(name);
  rail.set_contained_in(contained_in);
  return rail;
}

// As a device tree's property lies in sysfs: each name ends with a NUL.
void WriteCompatible(FakeSysfs& sysfs, const std::vector<std::string>& names) {
  sysfs.Write("firmware/devicetree/base/compatible", "");
  std::ofstream file(sysfs.Path("firmware/devicetree/base/compatible"), std::ios::trunc);
  for (const std::string& name : names) file << name << '\0';
}

std::string Recognised(const std::vector<BoardProfile>& profiles, const FakeSysfs& sysfs) {
  const BoardProfile* found = RecogniseBoard(profiles, sysfs.root());
  return found == nullptr ? "" : found->id;
}

TEST(RecogniseBoard, TakesTheMostSpecialNameOfTheDeviceTree) {
  const std::vector<BoardProfile> profiles = {
      Toy("chip", {.compatible = {"maker,chip"}, .dmi_product = {}, .present = {}}),
      Toy("kit", {.compatible = {"maker,kit"}, .dmi_product = {}, .present = {}}),
      Toy("any", {.compatible = {}, .dmi_product = {}, .present = {"firmware"}})};
  FakeSysfs sysfs;
  WriteCompatible(sysfs, {"maker,kit-b01", "maker,kit", "maker,chip"});
  EXPECT_EQ(Recognised(profiles, sysfs), "kit");
  WriteCompatible(sysfs, {"other,kit", "maker,chip"});
  EXPECT_EQ(Recognised(profiles, sysfs), "chip");
  WriteCompatible(sysfs, {"other,kit", "maker,chips"});
  EXPECT_EQ(Recognised(profiles, sysfs), "any");
}

TEST(RecogniseBoard, KnowsProductsAndWhatIsPresent) {
  const std::vector<BoardProfile> profiles = {
      Toy("powercap", {.compatible = {}, .dmi_product = {}, .present = {"class/powercap/*:0"}}),
      Toy("pc", {.compatible = {}, .dmi_product = {"Toy PC"}, .present = {}})};
  FakeSysfs sysfs;
  EXPECT_EQ(Recognised(profiles, sysfs), "");
  sysfs.Write("class/powercap/intel-rapl:0/name", "package-0");
  EXPECT_EQ(Recognised(profiles, sysfs), "powercap");
  sysfs.Write("class/dmi/id/product_name", "Toy PC");
  EXPECT_EQ(Recognised(profiles, sysfs), "pc");
}

TEST(RecogniseBoard, TakesTheHighestRankOfWhatIsPresentInWhateverOrder) {
  std::vector<BoardProfile> profiles = {
      Toy("a", {.compatible = {}, .dmi_product = {}, .present = {"class"}, .rank = 10}),
      Toy("b", {.compatible = {}, .dmi_product = {}, .present = {"class/hwmon"}, .rank = 20}),
      Toy("c", {.compatible = {}, .dmi_product = {}, .present = {"class/absent"}, .rank = 30})};
  FakeSysfs sysfs;
  sysfs.Write("class/hwmon/hwmon0/name", "chip");
  EXPECT_EQ(Recognised(profiles, sysfs), "b");
  std::swap(profiles[0], profiles[1]);
  EXPECT_EQ(Recognised(profiles, sysfs), "b");
}

TEST(DescribeRails, FindsRailsByTheirLabelsAndPutsContainersFirst) {
  BoardProfile profile = Toy("toy", {});
  profile.rails = {Rail("IN", v1::RAIL_SCOPE_MODULE, "", {"POM_IN"}),
                   Rail("SOC", v1::RAIL_SCOPE_COMPONENT, "IN"),
                   Rail("CPU", v1::RAIL_SCOPE_COMPONENT, "SOC")};
  const std::vector<v1::RailInfo> rails =
      DescribeRails(profile, {Found("CPU"), Found("OTHER"), Found("POM_IN"), Found("CPU#2")});
  ASSERT_EQ(rails.size(), 4u);
  EXPECT_EQ(rails[0].name(), "OTHER");
  EXPECT_EQ(rails[0].scope(), v1::RAIL_SCOPE_UNSPECIFIED);
  EXPECT_EQ(rails[1].name(), "POM_IN");
  EXPECT_EQ(rails[1].scope(), v1::RAIL_SCOPE_MODULE);
  // SOC is not measured here: what contains it does contain the CPU.
  EXPECT_EQ(rails[2].name(), "CPU");
  EXPECT_EQ(rails[2].contained_in(), "POM_IN");
  EXPECT_EQ(rails[3].name(), "CPU#2");
  EXPECT_EQ(rails[3].contained_in(), "");
}

TEST(DescribeRails, KeepsWhatASourceKnowsUnlessTheContainerIsMissing) {
  const std::vector<v1::RailInfo> rails = DescribeRails(
      Toy("toy", {}), {Found("core", "package"), Found("package"), Found("x", "gone")});
  ASSERT_EQ(rails.size(), 3u);
  EXPECT_EQ(rails[0].name(), "package");
  EXPECT_EQ(rails[1].contained_in(), "package");
  EXPECT_EQ(rails[2].contained_in(), "");
}

// An INA3221 on a board that is recognised as a TX1, in a tree of plain files.
class Tx1Tree {
 public:
  Tx1Tree() {
    WriteCompatible(sysfs, {"nvidia,p2371-2180", "nvidia,tegra210"});
    FakeSysfs::Files files = {{"update_interval", "2"}, {"samples", "1"}};
    const char* labels[] = {"VDD_IN", "VDD_GPU", "VDD_CPU"};
    for (int n = 1; n <= 3; ++n) {
      const std::string number = std::to_string(n);
      files["in" + number + "_label"] = labels[n - 1];
      files["in" + number + "_enable"] = "1";
      files["in" + number + "_input"] = "5000";
      files["curr" + number + "_input"] = "1000";
      files["shunt" + number + "_resistor"] = "10000";
    }
    sysfs.AddHwmon(0, "devices/i2c-1/1-0040", "ina3221", files);
  }
  absl::StatusOr<Board> Open(std::string_view name, std::vector<std::string> programs = {}) {
    return OpenBoard(name, 1, clock,
                     {.sysfs_root = sysfs.root(), .settings = &settings, .programs = programs});
  }

  FakeSysfs sysfs;
  FakeSettings settings;
  FakeClock clock;
};

TEST(OpenRealBoard, DescribesTheRailsThatTheKernelShows) {
  Tx1Tree tree;
  const absl::StatusOr<Board> board = tree.Open("auto");
  ASSERT_TRUE(board.ok()) << board.status();
  EXPECT_EQ(board->info.name(), "jetson-tx1");
  EXPECT_TRUE(board->info.simulated()) << "a tree of files is not a board";
  EXPECT_NE(board->info.title().find("captured tree"), std::string::npos);
  ASSERT_EQ(board->info.rails_size(), 3);
  EXPECT_EQ(board->info.rails(0).name(), "VDD_IN");
  EXPECT_EQ(board->info.rails(0).scope(), v1::RAIL_SCOPE_MODULE);
  EXPECT_EQ(board->info.rails(2).contained_in(), "VDD_IN");
  ASSERT_EQ(board->info.sources_size(), 1);
  EXPECT_EQ(board->info.sources(0).rails_size(), 3);
  EXPECT_EQ(board->info.sources(0).channels_size(), 6);
  EXPECT_EQ(board->info.cannot_size(), 0);
  ASSERT_EQ(board->sources.size(), 1u);
  std::vector<ChannelReading> readings;
  EXPECT_TRUE(board->sources[0]->Read(&readings).ok());
  EXPECT_FALSE(readings.empty());
}

TEST(OpenRealBoard, SaysWhichSensorsItDoesNotRead) {
  Tx1Tree tree;
  tree.sysfs.AddHwmon(1, "devices/fan", "pwmfan", {{"pwm1", "0"}});
  const absl::StatusOr<Board> board = tree.Open("jetson-tx1");
  ASSERT_TRUE(board.ok()) << board.status();
  ASSERT_EQ(board->info.unused_sources_size(), 1);
  EXPECT_NE(board->info.unused_sources(0).find("pwmfan"), std::string::npos);
}

TEST(OpenRealBoard, RefusesAProgramThatIsNoSource) {
  Tx1Tree tree;
  const absl::Status status = tree.Open("auto", {"echo nonsense"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(status.ToString().find("--source exec:echo nonsense"), std::string::npos) << status;
}

}  // namespace
}  // namespace synergy
