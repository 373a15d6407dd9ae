#include "client/analysis/simulated_notice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

v1::BoardInfo BoardOf(const std::string& name, bool simulated) {
  v1::BoardInfo board;
  board.set_name(name);
  board.set_simulated(simulated);
  return board;
}

TEST(SimulatedNotice, TellsAModelFromACapturedTreeAndIsEmptyOnABoard) {
  EXPECT_EQ(SimulatedNotice(BoardOf("jetson-tx1", false)), "");
  EXPECT_THAT(SimulatedNotice(BoardOf("sim:jetson-tx1", true)), testing::HasSubstr("a model"));
  const std::string captured = SimulatedNotice(BoardOf("jetson-tx1", true));
  EXPECT_THAT(captured, testing::HasSubstr("SIMULATED"));
  EXPECT_THAT(captured, testing::HasSubstr("captured tree"));
  EXPECT_THAT(captured, testing::Not(testing::HasSubstr("model")));
}

}  // namespace
}  // namespace synergy
