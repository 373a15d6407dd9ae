#include "daemon/power/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/counter_noise.h"
#include "daemon/power/board_profile.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

TEST(OpenBoard, GivesASimulatedTx1WithThreeRails) {
  FakeClock clock;
  const absl::StatusOr<Board> board = OpenBoard("sim:jetson-tx1", 1, clock);
  ASSERT_TRUE(board.ok()) << board.status();
  EXPECT_EQ(board->info.name(), "sim:jetson-tx1");
  EXPECT_EQ(board->info.title(), "NVIDIA Jetson TX1 (simulated)");
  EXPECT_TRUE(board->info.simulated());
  EXPECT_EQ(board->info.default_rate_hz(), 1000);
  ASSERT_EQ(board->info.rails_size(), 3);
  EXPECT_EQ(board->info.rails(0).name(), "VDD_IN");
  EXPECT_EQ(board->info.rails(0).scope(), v1::RAIL_SCOPE_MODULE);
  EXPECT_EQ(board->info.rails(2).name(), "VDD_CPU");
  EXPECT_EQ(board->info.rails(2).contained_in(), "VDD_IN");
  EXPECT_NE(board->simulation, nullptr);
  ASSERT_EQ(board->sources.size(), 1u);
  EXPECT_EQ(board->sources[0]->channels().size(), 6u);
  ASSERT_EQ(board->info.sources_size(), 1);
  const v1::SourceInfo& source = board->info.sources(0);
  EXPECT_EQ(source.rails_size(), 3);
  ASSERT_EQ(source.channels_size(), 6);
  EXPECT_GT(source.channels(0).window().period_s(), source.channels(0).window().slot_s());
}

TEST(OpenBoard, ASimulatedOneReadsNoTree) {
  FakeClock clock;
  const absl::Status status =
      OpenBoard("sim:jetson-tx1", 1, clock, {.sysfs_root = "/captured"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("--sysfs-root /captured"));
}

// What every source of a board reads in a second.
std::vector<ChannelReading> ReadAll(Board& board, FakeClock& clock) {
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 1200; ++i) {
    const MonotonicTime next = clock.Now() + Milliseconds(1);
    for (const auto& source : board.sources) source->Read(&readings).IgnoreError();
    clock.SleepUntil(next);
  }
  return readings;
}

TEST(OpenBoard, EverySimulatedBoardSaysSoAndMeasuresItsRails) {
  const std::map<std::string, std::vector<std::string>> boards = {
      {"sim:jetson-nano", {"POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"}},
      {"sim:jetson-agx-orin", {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"}},
      {"sim:generic-x86-rapl", {"package-0", "package-0 core", "package-0 dram"}},
      {"sim:snapdragon-820", {"battery"}}};
  for (const auto& [name, rails] : boards) {
    FakeClock clock;
    absl::StatusOr<Board> board = OpenBoard(name, 1, clock);
    ASSERT_TRUE(board.ok()) << board.status();
    EXPECT_EQ(board->info.name(), name);
    EXPECT_TRUE(board->info.simulated());
    EXPECT_TRUE(board->info.title().ends_with("(simulated)"));
    EXPECT_NE(board->simulation, nullptr);
    std::vector<std::string> found;
    for (const v1::RailInfo& rail : board->info.rails()) found.push_back(rail.name());
    EXPECT_EQ(found, rails) << name;
    EXPECT_FALSE(board->clock_tables.thermal_zone.empty());
    EXPECT_GT(board->simulation->temperature_c(), 25);
    EXPECT_FALSE(ReadAll(*board, clock).empty()) << name;
  }
}

TEST(OpenBoard, TheSimulatedOrinHasTwoChipsWithShuntsOfTwoMilliohms) {
  FakeClock clock;
  absl::StatusOr<Board> board = OpenBoard("sim:jetson-agx-orin", 1, clock);
  ASSERT_TRUE(board.ok()) << board.status();
  ASSERT_EQ(board->sources.size(), 2u);
  EXPECT_EQ(board->sources[0]->name(), "ina3221 0x40");
  EXPECT_EQ(board->sources[1]->name(), "ina3221 0x41");
  EXPECT_DOUBLE_EQ(board->sources[1]->channels()[0].scale(), 0.02);  // 40 uV / 2 mOhm
  // Neither of them keeps the other's past, however seldom it is read.
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 3000; ++i) {
    readings.clear();
    ASSERT_TRUE(board->sources[0]->Read(&readings).ok());
    clock.Advance(Milliseconds(1));
  }
  ASSERT_TRUE(board->sources[1]->Read(&readings).ok());
  EXPECT_GT(readings.back().reading.raw, 0);
}

TEST(OpenBoard, SourcesMayOutliveTheBoard) {
  FakeClock clock;
  std::vector<std::unique_ptr<PowerSource>> sources;
  {
    absl::StatusOr<Board> board = OpenBoard("sim:jetson-tx1", 1, clock);
    ASSERT_TRUE(board.ok());
    sources = std::move(board->sources);
  }
  std::vector<ChannelReading> readings;
  EXPECT_TRUE(sources[0]->Read(&readings).ok());
}

TEST(OpenBoard, AutoNeverSimulatesAndNamesTheSimulatedBoard) {
  FakeClock clock;
  const TempFolder sysfs;
  FakeSettings settings;
  const absl::StatusOr<Board> board =
      OpenBoard("auto", 1, clock, {.sysfs_root = sysfs.path(), .settings = &settings});
  ASSERT_TRUE(board.ok()) << board.status();
  EXPECT_EQ(board->info.name(), "auto");
  EXPECT_EQ(board->simulation, nullptr);
  EXPECT_TRUE(board->sources.empty());
  EXPECT_EQ(board->info.rails_size(), 0);
  ASSERT_EQ(board->info.cannot_size(), 1);
  EXPECT_NE(board->info.cannot(0).find("--board sim:jetson-tx1"), std::string::npos);
}

TEST(OpenBoard, UnknownNamesAreNotFoundWithTheNamesThatExist) {
  FakeClock clock;
  const absl::Status status = OpenBoard("sim:jetson-tx2", 1, clock).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.ToString().find("did you mean sim:jetson-tx1?"), std::string::npos) << status;
  EXPECT_NE(
      OpenBoard("", 1, clock)
          .status()
          .ToString()
          .find("auto, sim:generic-x86-rapl, sim:jetson-agx-orin, sim:jetson-nano, sim:jetson-tx1"),
      std::string::npos);
}

TEST(CounterNoise, IsAFunctionOfKeyAndCounter) {
  EXPECT_EQ(MixHash(1, 2), MixHash(1, 2));
  EXPECT_NE(MixHash(1, 2), MixHash(2, 1));
  EXPECT_NE(MixHash(1, "ab"), MixHash(1, "ba"));
  double sum = 0, squares = 0, uniform = 0;
  constexpr int kDraws = 100'000;
  for (uint64_t i = 0; i < kDraws; ++i) {
    const double draw = NormalDraw(42, i);
    sum += draw;
    squares += draw * draw;
    uniform += UniformDraw(43, i);
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.015);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
  EXPECT_NEAR(uniform / kDraws, 0.5, 0.005);
}

}  // namespace
}  // namespace synergy
