#include "client/watch/canvas.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr TerminalLook kUtf8 = {true, Colors::kNone};

TEST(Canvas, WritesNothingWhereNothingChanges) {
  Canvas canvas(20, 3);
  canvas.Put(0, 1, "VDD_IN 6.1 W", Ink::kBold);
  EXPECT_EQ(Changes(canvas, canvas, kUtf8), "");
}

TEST(Canvas, WritesOnlyTheCellsThatChange) {
  Canvas before(20, 3), after(20, 3);
  before.Put(0, 1, "VDD_IN 6.1 W");
  after.Put(0, 1, "VDD_IN 6.3 W");
  EXPECT_EQ(Changes(before, after, kUtf8), "\x1b[2;10H3");
}

TEST(Canvas, InkOfTheSameTextIsAChangeAndEndsPlain) {
  Canvas before(20, 1), after(20, 1);
  before.Put(0, 0, "ab");
  after.Put(0, 0, "a");
  after.Put(1, 0, "b", Ink::kBold);
  EXPECT_EQ(Changes(before, after, kUtf8), "\x1b[1;2H\x1b[0;1mb\x1b[m");
}

TEST(Canvas, AnotherSizeIsWrittenAnew) {
  Canvas before(10, 1), after(20, 1);
  before.Put(0, 0, "a");
  after.Put(0, 0, "a");
  EXPECT_EQ(Changes(before, after, kUtf8), "\x1b[m\x1b[2J\x1b[1;1Ha");
}

TEST(Canvas, PartIsPlacedAndCutAtTheEdges) {
  Canvas whole(4, 2), part(3, 2);
  part.Put(0, 0, "abc", Ink::kBold);
  part.Put(0, 1, "def");
  whole.Place(2, 1, part);
  EXPECT_EQ(whole.Text(), "\n  ab\n");
  EXPECT_EQ(whole.at(2, 1).ink, Ink::kBold);
}

TEST(Canvas, TextIsCutAtTheEdge) {
  Canvas canvas(4, 2);
  EXPECT_EQ(canvas.Put(2, 0, "abc"), 4u);
  canvas.Put(0, 5, "below");
  EXPECT_EQ(canvas.Text(), "  ab\n\n");
}

TEST(Canvas, GlyphsOfOtherWidthsDoNotShiftTheRow) {
  Canvas canvas(8, 1);
  // A wide one, one that joins, one that turns the direction.
  canvas.Put(0, 0, "\u6f22a\u0301\u202eb\u00e9");
  EXPECT_EQ(canvas.Text(), "?a??b\u00e9\n");
}

TEST(Canvas, WithoutUtf8OnlyAsciiIsWritten) {
  Canvas before(4, 1), after(4, 1);
  after.Put(0, 0, "\u00e9x");
  EXPECT_EQ(Changes(before, after, {false, Colors::kNone}), "\x1b[1;1H?x");
}

}  // namespace
}  // namespace synergy
