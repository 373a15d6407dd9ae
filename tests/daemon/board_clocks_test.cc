#include "daemon/board_clocks.h"

#include <gtest/gtest.h>

#include <string>

#include "daemon/clocks/attribute_files.h"

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

TEST(DeviceClockPlaces, OfEachProfileAreThoseOfItsTree) {
  struct Expected {
    std::string board, tree;
    int64_t gpu_hz, memory_hz;  // the highest
  };
  for (const Expected& expected : {
           Expected{"jetson-tx1", "jetson-tx1_l4t-4.9", 998'400'000, 1'600'000'000},
           Expected{"jetson-nano", "jetson-nano_jetpack-4", 921'600'000, 1'600'000'000},
           Expected{"jetson-tx2", "jetson-tx2_l4t-4.9", 1'300'500'000, 1'866'000'000},
           Expected{"jetson-agx-orin", "jetson-orin_jetpack-5", 1'300'500'000, 3'199'000'000},
       }) {
    const absl::StatusOr<DeviceClock> gpu = ClockOf(expected.board, expected.tree, "gpu");
    ASSERT_TRUE(gpu.ok()) << expected.tree << ": " << gpu.status();
    EXPECT_EQ(gpu->frequencies.back().hz, expected.gpu_hz) << expected.tree;
    const absl::StatusOr<DeviceClock> memory = ClockOf(expected.board, expected.tree, "memory");
    ASSERT_TRUE(memory.ok()) << expected.tree << ": " << memory.status();
    EXPECT_EQ(memory->highest->hz, expected.memory_hz) << expected.tree;
    EXPECT_FALSE(memory->overridden);
  }
  EXPECT_TRUE(ClockOf("snapdragon-820", "snapdragon-820_android-4.4", "gpu").ok());
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
