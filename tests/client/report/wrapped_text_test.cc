#include "client/report/wrapped_text.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

TEST(Wrapped, GoesOnBelowTheTextBehindALabel) {
  EXPECT_EQ(Wrapped("  note     powers come from a model\n", 30),
            "  note     powers come from a\n           model\n");
  EXPECT_EQ(Wrapped("           one two three four\n", 20),
            "           one two\n           three\n           four\n");
}

TEST(Wrapped, OtherLinesGoOnTwoFurtherIn) {
  EXPECT_EQ(Wrapped("run 1: squeezenet on a board\n", 22), "run 1: squeezenet on a\n  board\n");
}

TEST(Wrapped, LeavesWhatFits) {
  EXPECT_EQ(Wrapped("0123456789\n\n", 10), "0123456789\n\n");
  EXPECT_EQ(Wrapped("a b c d e f\n", 0), "a b c d e f\n");
}

TEST(Wrapped, LongWordsStayWhole) {
  EXPECT_EQ(Wrapped("0123456789abcdef gh\n", 10), "0123456789abcdef\n  gh\n");
  EXPECT_EQ(Wrapped("ab 0123456789abcdef\n", 10), "ab\n  0123456789abcdef\n");
}

TEST(Wrapped, CountsCharactersAndNoControlSequences) {
  EXPECT_EQ(Wrapped("±± ±± ±±\n", 8), "±± ±± ±±\n");
  EXPECT_EQ(Wrapped("\x1b[31mab\x1b[m cd\n", 5), "\x1b[31mab\x1b[m cd\n");
}

}  // namespace
}  // namespace synergy
