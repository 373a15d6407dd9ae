#include "client/watch/pane_layout.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

TEST(PaneLayout, OneBoardHasTheWholeScreenButTheKeys) {
  const auto panes = LayOut(120, 40, 1, 0);
  ASSERT_EQ(panes.size(), 1u);
  EXPECT_EQ(panes[0].columns, 120u);
  EXPECT_EQ(panes[0].rows, 39u);
}

TEST(PaneLayout, BoardsAreBesideEachOtherWhereThatIsWideEnough) {
  EXPECT_EQ(LayOut(160, 24, 2, 0).size(), 1u);
  const auto panes = LayOut(161, 24, 2, 1);
  ASSERT_EQ(panes.size(), 2u);
  EXPECT_EQ(panes[0].columns, 80u);
  EXPECT_EQ(panes[1].column, 81u);
  EXPECT_EQ(panes[1].columns, 80u);
  EXPECT_EQ(panes[1].device, 1u);
}

TEST(PaneLayout, BoardsAreBelowEachOtherWhereThatIsHighEnough) {
  const auto panes = LayOut(80, 47, 2, 0);
  ASSERT_EQ(panes.size(), 2u);
  EXPECT_EQ(panes[1].column, 0u);
  EXPECT_EQ(panes[1].row, 23u);
}

TEST(PaneLayout, OfMoreBoardsThanFitThoseBesideTheChosenOneAreShown) {
  const auto panes = LayOut(200, 24, 5, 3);
  ASSERT_EQ(panes.size(), 2u);
  EXPECT_EQ(panes[0].device, 2u);
  EXPECT_EQ(panes[1].device, 3u);
  const auto last = LayOut(200, 24, 5, 4);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].device, 4u);
}

TEST(PaneLayout, ThereIsAPaneOnAnyScreen) {
  for (const auto& [columns, rows] : {std::pair<size_t, size_t>{0, 0}, {1, 1}, {79, 23}}) {
    EXPECT_EQ(LayOut(columns, rows, 2, 0).size(), 1u);
  }
}

}  // namespace
}  // namespace synergy
