#include "client/watch/watch_view.h"

#include <gtest/gtest.h>

#include "client/watch/key_sequence.h"

namespace synergy {
namespace {

WatchView After(std::string_view keys, WatchView view = {}) {
  for (const char key : keys)
    PressKey(key, 2, {.rails = 3, .operators = 66, .operator_rows = 4}, &view);
  return view;
}

TEST(WatchView, QuitsByQAndByControlBackslash) {
  EXPECT_TRUE(After("q").quit);
  EXPECT_TRUE(After("\x1c").quit);
  EXPECT_TRUE(After("?\x1c").quit);
}

TEST(WatchView, SecondPauseGoesOn) {
  EXPECT_TRUE(After("p").paused);
  EXPECT_FALSE(After("pp").paused);
}

TEST(WatchView, ZoomEndsAtBothEnds) {
  EXPECT_EQ(After("+").span_s, 30);
  EXPECT_EQ(After("+++++").span_s, 10);
  EXPECT_EQ(After("--------").span_s, 600);
  EXPECT_EQ(After("--++").span_s, 60);
}

TEST(WatchView, RailsGoRoundAndBackToAll) {
  EXPECT_EQ(After("rr").rails, (std::set<size_t>{1}));
  EXPECT_TRUE(After("rrrr").rails.empty());
}

TEST(WatchView, DigitsHideRailsAndShowThemAgain) {
  EXPECT_EQ(After("2").rails, (std::set<size_t>{0, 2}));
  EXPECT_EQ(After("21").rails, (std::set<size_t>{2}));
  EXPECT_EQ(After("212").rails, (std::set<size_t>{1, 2}));
  EXPECT_TRUE(After("22").rails.empty());
  EXPECT_TRUE(After("123").rails.empty()) << "none is all";
  EXPECT_TRUE(After("20").rails.empty());
  EXPECT_TRUE(After("9").rails.empty()) << "there are three";
  EXPECT_TRUE(After("2r").rails.empty());
}

TEST(WatchView, TabGoesToTheNextBoardAndShowsAllItsRails) {
  EXPECT_EQ(After("r\t").device, 1u);
  EXPECT_TRUE(After("r\t").rails.empty());
  EXPECT_EQ(After("\t\t").device, 0u);
}

TEST(WatchView, AnyKeyLeavesTheHelpAndDoesNothingElse) {
  EXPECT_TRUE(After("?").help);
  EXPECT_FALSE(After("?p").help);
  EXPECT_FALSE(After("?p").paused);
  EXPECT_TRUE(After("?q").quit);
}

TEST(WatchView, OperatorsScrollByOneAndByTheScreenAndEndAtBothEnds) {
  const auto first = [](std::string keys) { return After(keys).first_operator; };
  const std::string up(1, kUpKey), down(1, kDownKey), before(1, kPageUpKey), next(1, kPageDownKey);
  EXPECT_EQ(first(down + down + up), 1u);
  EXPECT_EQ(first(next + next + before + down), 5u);
  EXPECT_EQ(first(up + before), 0u);
  EXPECT_EQ(first(std::string(100, kPageDownKey) + up), 61u) << "62 is the last with a full list";
  EXPECT_EQ(first(next + "s"), 0u);
  EXPECT_EQ(first(next + "\t"), 0u);
}

TEST(WatchView, KeysWithoutAMeaningChangeNothing) {
  const WatchView view = After("x\x1b\n");
  EXPECT_FALSE(view.quit || view.paused || view.help || view.cores);
}

}  // namespace
}  // namespace synergy
