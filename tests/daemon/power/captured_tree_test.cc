// The trees of tests/boards: each is recognised, and its sensors and rails are found.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "daemon/power/board.h"
#include "daemon/power/real_board.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

const char kTrees[] = "tests/boards";

struct ExpectedTree {
  std::string tree, board;
  std::vector<std::string> sources;
  std::vector<std::string> rails;  // "NAME scope" or "NAME scope < CONTAINER", in order
};

std::string ShortScope(v1::RailScope scope) {
  switch (scope) {
    case v1::RAIL_SCOPE_WALL:
      return "wall";
    case v1::RAIL_SCOPE_CARRIER:
      return "carrier";
    case v1::RAIL_SCOPE_MODULE:
      return "module";
    case v1::RAIL_SCOPE_COMPONENT:
      return "component";
    default:
      return "?";
  }
}

const std::vector<ExpectedTree>& ExpectedTrees() {
  static const std::vector<ExpectedTree> trees = {
      {"jetson-tx1_l4t-4.9",
       "jetson-tx1",
       {"ina3221x 1-0040", "ina3221x 1-0042", "ina3221x 1-0043"},
       {"VDD_IN module", "VDD_GPU component < VDD_IN", "VDD_CPU component < VDD_IN",
        "VDD_MUX carrier", "VDD_5V_IO_SYS carrier < VDD_MUX", "VDD_3V3_SYS carrier < VDD_MUX",
        "VDD_3V3_IO carrier < VDD_MUX", "VDD_1V8_IO carrier < VDD_MUX",
        "VDD_M2_IN carrier < VDD_MUX"}},
      {"jetson-nano_jetpack-4",
       "jetson-nano",
       {"ina3221x 6-0040"},
       {"POM_5V_IN module", "POM_5V_GPU component < POM_5V_IN",
        "POM_5V_CPU component < POM_5V_IN"}},
      {"jetson-tx2_l4t-4.9",
       "jetson-tx2",
       {"ina3221x 0-0040", "ina3221x 0-0041"},
       {"VDD_IN module", "VDD_SYS_GPU component < VDD_IN", "VDD_SYS_SOC component < VDD_IN",
        "VDD_4V0_WIFI component < VDD_IN", "VDD_SYS_CPU component < VDD_IN",
        "VDD_SYS_DDR component < VDD_IN"}},
      {"jetson-xavier-nx_l4t-4.9",
       "jetson-xavier-nx",
       {"ina3221x 7-0040"},
       {"VDD_IN module", "VDD_CPU_GPU_CV component < VDD_IN", "VDD_SOC component < VDD_IN"}},
      {"jetson-orin_jetpack-5",
       "jetson-agx-orin",
       {"ina3221 1-0040", "ina3221 1-0041"},
       {"VDD_GPU_SOC component", "VDD_CPU_CV component", "VIN_SYS_5V0 component",
        "VDDQ_VDD2_1V8AO component < VIN_SYS_5V0"}},
      {"jetson-orin-nano_mainline",
       "jetson-orin-nano",
       {"ina3221 1-0040"},
       {"VDD_IN module", "VDD_CPU_GPU_CV component < VDD_IN", "VDD_SOC component < VDD_IN"}},
      {"snapdragon-820_android-4.4", "snapdragon-820", {"power_supply battery"}, {"battery wall"}},
      {"raspberry-pi-5_6.6", "raspberry-pi-5", {}, {}},
      {"x86_rapl-6.1",
       "generic-x86-rapl",
       {"rapl"},
       {"package-0 component", "package-0 core component < package-0", "package-0 dram component"}},
      {"generic-hwmon_6.1", "generic-hwmon", {"ina226 2-0045"}, {"ina226 2-0045 power1 ?"}},
  };
  return trees;
}

// A copy that the sources may write to.
class CapturedTree {
 public:
  explicit CapturedTree(const std::string& name) {
    fs::copy(fs::path(kTrees) / name, folder_.path(),
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }
  const std::string& root() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

std::vector<std::string> SourceNames(const v1::BoardInfo& board) {
  std::vector<std::string> names;
  for (const v1::SourceInfo& source : board.sources()) names.push_back(source.name());
  return names;
}

std::vector<std::string> Rails(const v1::BoardInfo& board) {
  std::vector<std::string> rails;
  for (const v1::RailInfo& rail : board.rails()) {
    rails.push_back(rail.name() + " " + ShortScope(rail.scope()) +
                    (rail.contained_in().empty() ? "" : " < " + rail.contained_in()));
  }
  return rails;
}

// For gtest's messages.
void PrintTo(const ExpectedTree& tree, std::ostream* out) { *out << tree.tree; }

class CapturedTrees : public testing::TestWithParam<ExpectedTree> {};

TEST_P(CapturedTrees, AreRecognisedAndRead) {
  const CapturedTree tree(GetParam().tree);
  FakeSettings settings;
  FakeClock clock;
  const absl::StatusOr<Board> board =
      OpenBoard("auto", 1, clock, {.sysfs_root = tree.root(), .settings = &settings});
  ASSERT_TRUE(board.ok()) << board.status();
  EXPECT_EQ(board->info.name(), GetParam().board);
  EXPECT_TRUE(board->info.simulated()) << "a tree of files is not a board";
  EXPECT_EQ(SourceNames(board->info), GetParam().sources);
  EXPECT_EQ(Rails(board->info), GetParam().rails);
  EXPECT_EQ(board->info.cannot_size(), GetParam().sources.empty() ? 1 : 0);
  EXPECT_FALSE(board->info.notes().empty());
  for (const auto& source : board->sources) {
    std::vector<ChannelReading> readings;
    EXPECT_TRUE(source->Read(&readings).ok()) << source->name();
    EXPECT_FALSE(readings.empty()) << source->name();
  }
}

INSTANTIATE_TEST_SUITE_P(Boards, CapturedTrees, testing::ValuesIn(ExpectedTrees()),
                         [](const auto& tree) {
                           std::string name = tree.param.tree;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

TEST(CapturedTrees, AreAllExpected) {
  std::set<std::string> expected, there;
  for (const ExpectedTree& tree : ExpectedTrees()) expected.insert(tree.tree);
  for (const auto& entry : fs::directory_iterator(kTrees)) {
    if (entry.is_directory()) there.insert(entry.path().filename().string());
  }
  EXPECT_EQ(there, expected);
}

// By each of its names, whatever else is there, a profile is recognised and no other is.
TEST(BuiltInProfiles, AreRecognisedByTheirOwnSignsOnly) {
  const absl::StatusOr<std::vector<BoardProfile>> profiles = BuiltInBoardProfiles();
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  std::set<uint32_t> ranks;
  for (const BoardProfile& profile : *profiles) {
    const BoardSigns& signs = profile.signs;
    EXPECT_FALSE(signs.compatible.empty() && signs.dmi_product.empty() && signs.present.empty())
        << profile.id;
    if (!signs.present.empty()) {
      EXPECT_TRUE(ranks.insert(signs.rank).second) << profile.id << ": two of one rank";
    }
    for (const std::string& name : signs.compatible) {
      FakeSysfs sysfs;
      sysfs.Write("class/hwmon/hwmon0/power1_input", "1");
      sysfs.Write("firmware/devicetree/base/compatible", "");
      std::ofstream(sysfs.Path("firmware/devicetree/base/compatible")) << name << '\0';
      const BoardProfile* found = RecogniseBoard(*profiles, sysfs.root());
      ASSERT_NE(found, nullptr) << name;
      EXPECT_EQ(found->id, profile.id) << name;
    }
  }
}

TEST(BuiltInProfiles, RaplIsMoreTellingThanAnyHwmonSensor) {
  const absl::StatusOr<std::vector<BoardProfile>> profiles = BuiltInBoardProfiles();
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  FakeSysfs sysfs;
  sysfs.Write("class/hwmon/hwmon0/power1_input", "1");
  ASSERT_NE(RecogniseBoard(*profiles, sysfs.root()), nullptr);
  EXPECT_EQ(RecogniseBoard(*profiles, sysfs.root())->id, "generic-hwmon");
  sysfs.Write("class/powercap/intel-rapl:0/name", "package-0");
  EXPECT_EQ(RecogniseBoard(*profiles, sysfs.root())->id, "generic-x86-rapl");
}

}  // namespace
}  // namespace synergy
