#include "client/watch/watch_view.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

WatchView After(std::string_view keys, WatchView view = {}) {
  for (const char key : keys) PressKey(key, 2, 3, &view);
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

TEST(WatchView, KeysWithoutAMeaningChangeNothing) {
  const WatchView view = After("x\x1b\n");
  EXPECT_FALSE(view.quit || view.paused || view.help || view.cores);
}

}  // namespace
}  // namespace synergy
