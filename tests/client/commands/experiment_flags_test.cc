#include "client/commands/experiment_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/commands/exit_code.h"

namespace synergy {
namespace {

TEST(LoopedOperator, EndsAsBadInputWhereThereIsNone) {
  Model model;
  model.name = "tiny";
  model.layers.emplace_back().name = "conv1";
  EXPECT_EQ(*LoopedOperator(model, "conv1"), 0u);
  const absl::Status status = LoopedOperator(model, "conv2").status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("--loop conv2: tiny has no such"));
}

TEST(LoopTimeFor, IsLongEnoughForTheSlowestSensor) {
  v1::BoardInfo board;
  EXPECT_EQ(LoopTimeFor(board), 2);
  v1::Window& window = *board.add_sources()->add_channels()->mutable_window();
  window.set_period_s(0.42);
  EXPECT_NEAR(LoopTimeFor(board), 20 * 0.42, 0.5);
  window.set_period_s(30);
  EXPECT_EQ(LoopTimeFor(board), 60);
}

}  // namespace
}  // namespace synergy
