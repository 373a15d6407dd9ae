#include "client/commands/pause_choice.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace synergy {
namespace {

v1::BoardInfo BoardWithCycles(std::initializer_list<double> periods_s) {
  v1::BoardInfo board;
  for (const double period_s : periods_s) {
    v1::ChannelInfo* channel = board.add_sources()->add_channels();
    if (period_s > 0) channel->mutable_window()->set_period_s(period_s);
  }
  return board;
}

TEST(PauseFor, IsTheSlowestCycleOfTheSensors) {
  EXPECT_EQ(PauseFor(BoardWithCycles({0.00084, 0.0066})), 0.0066);
}

TEST(PauseFor, LeavesOutCyclesThatResolveNoOperator) {
  EXPECT_EQ(PauseFor(BoardWithCycles({0.00084, 0.42})), 0.00084);
  EXPECT_EQ(PauseFor(BoardWithCycles({0.42})), 0);
}

TEST(PauseFor, IsNoneWhereNoCycleIsKnown) {
  EXPECT_EQ(PauseFor(BoardWithCycles({})), 0);
  EXPECT_EQ(PauseFor(BoardWithCycles({0})), 0);
}

TEST(ParsePause, TakesSecondsUnitsAndAuto) {
  EXPECT_EQ(**ParsePause("0.002"), 0.002);
  EXPECT_EQ(**ParsePause("1s"), 1);
  EXPECT_DOUBLE_EQ(**ParsePause("2ms"), 0.002);
  EXPECT_DOUBLE_EQ(**ParsePause("800us"), 0.0008);
  EXPECT_EQ(**ParsePause("0"), 0);
  EXPECT_EQ(*ParsePause("auto"), std::nullopt);
}

TEST(ParsePause, RefusesWhatIsNoTime) {
  for (const char* text : {"", "ms", "2 m", "-1", "nan", "inf", "1e999", "automatic"}) {
    EXPECT_FALSE(ParsePause(text).ok()) << text;
  }
}

}  // namespace
}  // namespace synergy
