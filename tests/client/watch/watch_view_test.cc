#include "client/watch/watch_view.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

WatchView After(std::string_view keys, WatchView view = {}) {
  for (const char key : keys) PressKey(key, 2, 3, &view);
  return view;
}

TEST(WatchView, QuitsByQ) { EXPECT_TRUE(After("q").quit); }

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
  EXPECT_EQ(After("rr").rails, 2u);
  EXPECT_EQ(After("rrrr").rails, 0u);
}

TEST(WatchView, TabGoesToTheNextBoardAndShowsAllItsRails) {
  EXPECT_EQ(After("r\t").device, 1u);
  EXPECT_EQ(After("r\t").rails, 0u);
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
