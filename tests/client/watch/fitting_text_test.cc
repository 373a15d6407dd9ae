#include "client/watch/fitting_text.h"

#include <gtest/gtest.h>

#include "common/display_width.h"

namespace synergy {
namespace {

TEST(FittingText, ItemsAreWholeOrCounted) {
  EXPECT_EQ(FittingItems({"gpu 998", "memory 1600"}, 20), "gpu 998  memory 1600");
  EXPECT_EQ(FittingItems({"gpu 998", "memory 1600"}, 19), "gpu 998  +1");
  EXPECT_EQ(FittingItems({"gpu 998", "memory 1600"}, 8), "+2");
  EXPECT_EQ(FittingItems({}, 8), "");
}

TEST(FittingText, LinesAreOfWholeWords) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(FittingLines("it did not answer", 11, 3), (Lines{"it did not", "answer"}));
  EXPECT_EQ(FittingLines("it did not answer", 6, 3), (Lines{"it did", "not", "answer"}));
  EXPECT_EQ(FittingLines("it did not answer", 6, 2), (Lines{"it did", "not\u2026er"}));
  EXPECT_EQ(FittingLines("it did not at all", 6, 2), (Lines{"it did", "not\u2026ll"}));
  EXPECT_EQ(FittingLines("/a/long/path is", 6, 3), (Lines{"/a/long/path", "is"}));
  EXPECT_EQ(FittingLines("", 6, 3), Lines());
}

TEST(FittingText, OfATitleTheHostIsShortenedFirst) {
  EXPECT_EQ(FittingTitle("tx1.local", "Jetson TX1", 30), "tx1.local  Jetson TX1");
  EXPECT_EQ(FittingTitle("unix:/run/synergy/synergyd.sock", "Jetson TX1", 30),
            "unix:/run\u2026gyd.sock  Jetson TX1");
  EXPECT_EQ(ColumnsOf(FittingTitle("unix:/run/synergy/synergyd.sock", "Jetson TX1", 20)), 20u);
}

}  // namespace
}  // namespace synergy
