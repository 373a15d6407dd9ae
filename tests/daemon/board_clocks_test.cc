#include "daemon/board_clocks.h"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "common/clock_request.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/cpu_clocks.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// The clock of that name on a tree of tests/boards; its error where none of its places is there.
absl::StatusOr<DeviceClock> ClockOf(const std::string& board, const std::string& tree,
                                    const std::string& name) {
  const absl::StatusOr<BoardProfile> profile = BuiltInBoardProfile(board);
  if (!profile.ok()) return profile.status();
  absl::StatusOr<DeviceClock> clock = absl::NotFoundError("the profile has no such clock");
  for (const DeviceClockPaths& paths : DeviceClockPlaces(profile->clocks)) {
    if (paths.name != name) continue;
    clock = ReadDeviceClock(KernelFiles(), "tests/boards/" + tree, paths);
    if (clock.ok()) break;
  }
  return clock;
}

// What a board's clocks are on its tree of tests/boards.
struct Expected {
  std::string board, tree;
  std::vector<std::string> policies;  // "NAME CPUS: HIGHEST in MHz, GOVERNOR"
  double gpu_mhz, memory_mhz;         // the highest; 0: there is none
};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.tree; }

class CapturedClocks : public testing::TestWithParam<Expected> {};

std::string Describe(const CpuPolicy& policy) {
  std::vector<uint32_t> cpus(policy.related_cpus.begin(), policy.related_cpus.end());
  return fmt::format("{} {}: {}, {}", policy.name, FormatCpuList(cpus),
                     FormatFrequency(policy.highest), policy.governor);
}

double HighestMhz(const absl::StatusOr<DeviceClock>& clock) {
  if (!clock.ok()) return 0;
  const DeviceFrequency highest =
      clock->frequencies.empty() ? clock->highest.value() : clock->frequencies.back();
  return 1e-6 * static_cast<double>(highest.hz);
}

TEST_P(CapturedClocks, AreFound) {
  const Expected& expected = GetParam();
  const absl::StatusOr<CpuClocks> clocks =
      ReadCpuClocks(KernelFiles(), "tests/boards/" + expected.tree);
  ASSERT_TRUE(clocks.ok()) << clocks.status();
  std::vector<std::string> policies;
  size_t cores = 0;
  for (const CpuPolicy& policy : clocks->policies) {
    policies.push_back(Describe(policy));
    cores += policy.related_cpus.size();
    EXPECT_TRUE(policy.active);
    EXPECT_TRUE(policy.HasGovernor("performance"));
    EXPECT_TRUE(policy.current.has_value());
  }
  EXPECT_EQ(policies, expected.policies);
  EXPECT_EQ(clocks->cores.size(), cores);
  EXPECT_DOUBLE_EQ(HighestMhz(ClockOf(expected.board, expected.tree, "gpu")), expected.gpu_mhz);
  EXPECT_DOUBLE_EQ(HighestMhz(ClockOf(expected.board, expected.tree, "memory")),
                   expected.memory_mhz);
}

const std::vector<Expected>& ExpectedClocks() {
  static const std::vector<Expected> expected = {
      {"jetson-tx1", "jetson-tx1_l4t-4.9", {"policy0 0-3: 1734MHz, interactive"}, 998.4, 1600},
      {"jetson-nano", "jetson-nano_jetpack-4", {"policy0 0-3: 1479MHz, schedutil"}, 921.6, 1600},
      {"jetson-tx2",
       "jetson-tx2_l4t-4.9",
       {"policy0 0,3-5: 2035.2MHz, schedutil", "policy1 1-2: 2035.2MHz, schedutil"},
       1300.5,
       1866},
      {"jetson-xavier-nx",
       "jetson-xavier-nx_l4t-4.9",
       {"policy0 0-1: 1907.2MHz, schedutil", "policy2 2-3: 1907.2MHz, schedutil",
        "policy4 4-5: 1907.2MHz, schedutil"},
       1109.25,
       1600},
      {"jetson-agx-orin",
       "jetson-orin_jetpack-5",
       {"policy0 0-3: 2201.6MHz, schedutil", "policy4 4-7: 2201.6MHz, schedutil",
        "policy8 8-11: 2201.6MHz, schedutil"},
       1300.5,
       3199},
      // Mainline has neither a driver of its GPU that knows devfreq nor an override of its memory.
      {"jetson-orin-nano",
       "jetson-orin-nano_mainline",
       {"policy0 0-3: 1510.4MHz, schedutil", "policy4 4-5: 1510.4MHz, schedutil"},
       0,
       0},
      {"snapdragon-820",
       "snapdragon-820_android-4.4",
       {"policy0 0-1: 1593.6MHz, interactive", "policy2 2-3: 2150.4MHz, interactive"},
       624,
       0},
      {"raspberry-pi-5", "raspberry-pi-5_6.6", {"policy0 0-3: 2400MHz, ondemand"}, 0, 0},
      {"generic-x86-rapl",
       "x86_rapl-6.1",
       {"policy0 0: 4200MHz, powersave", "policy1 1: 4200MHz, powersave",
        "policy2 2: 4200MHz, powersave", "policy3 3: 4200MHz, powersave"},
       0,
       0},
      {"generic-hwmon", "generic-hwmon_6.1", {"policy0 0-1: 1200MHz, schedutil"}, 0, 0},
  };
  return expected;
}

INSTANTIATE_TEST_SUITE_P(Boards, CapturedClocks, testing::ValuesIn(ExpectedClocks()),
                         [](const auto& tree) {
                           std::string name = tree.param.tree;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

TEST(CapturedClocks, AreExpectedOfEachTreeAndOfEachProfile) {
  std::set<std::string> trees, boards, there;
  for (const Expected& expected : ExpectedClocks()) {
    trees.insert(expected.tree);
    boards.insert(expected.board);
  }
  for (const auto& entry : std::filesystem::directory_iterator("tests/boards")) {
    if (entry.is_directory()) there.insert(entry.path().filename().string());
  }
  EXPECT_EQ(trees, there);
  const std::vector<std::string> ids = BuiltInBoardProfileIds();
  EXPECT_EQ(boards, std::set<std::string>(ids.begin(), ids.end()));
}

TEST(CapturedClocks, WithoutATableAnyFrequencyCanBeAskedFor) {
  const std::string root = "tests/boards/x86_rapl-6.1";
  const CpuClocks clocks = ReadCpuClocks(KernelFiles(), root).value();
  EXPECT_EQ(DescribeFrequencies(clocks.policies[0]), "any from 800MHz to 4200MHz");
  EXPECT_TRUE(clocks.cores[0].fixed) << "the boot CPU has no switch";
  EXPECT_FALSE(clocks.cores[1].fixed);
}

TEST(DeviceClockPlaces, KeepTheirOrder) {
  DeviceClockProfile gpu, memory;
  gpu.name = "gpu";
  gpu.devfreq = {"a", "b"};
  memory.name = "memory";
  memory.rate = "rate";
  memory.state = "state";
  const std::vector<DeviceClockPaths> places = DeviceClockPlaces({gpu, memory});
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[0].devfreq, "a");
  EXPECT_EQ(places[1].devfreq, "b");
  EXPECT_EQ(places[2].rate, "rate");
  EXPECT_EQ(places[2].devfreq, "");
}

}  // namespace
}  // namespace synergy
