#include "common/printable.h"

#include <gtest/gtest.h>

#include "common/display_width.h"

namespace synergy {
namespace {

TEST(Printable, LeavesText) {
  EXPECT_EQ(Printable("conv1: 3×3, ünï, 漢字, 🙂", 100), "conv1: 3×3, ünï, 漢字, 🙂");
}

TEST(Printable, TakesTerminalsTheirCommands) {
  EXPECT_EQ(Printable("a\x1b[2Jb\nc\td\x7f", 100), "a?[2Jb c?d?");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m",
                      100),
            "?31m")
      << "C1: one byte for ESC [";
}

TEST(Printable, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(Printable("a\xff\xc3z", 100), "a??z");
  EXPECT_EQ(Printable("\xc0\xaf", 100), "??") << "overlong";
  EXPECT_EQ(Printable("\xed\xa0\x80", 100), "???") << "surrogate";
  EXPECT_EQ(Printable("\xf4\x90\x80\x80", 100), "????") << "beyond Unicode";
  EXPECT_EQ(Printable("x\xe6\xbc", 100), "x??") << "cut off";
}

TEST(Printable, CutsBetweenCharacters) {
  EXPECT_EQ(Printable("漢字", 5), "漢");
  EXPECT_EQ(Printable("abc", 0), "");
}

TEST(Visible, WhatIsNotSeenIsAQuestionMark) {
  EXPECT_EQ(Visible("a\u202eb\u2066c\u200bd\u2028e\ufeff"), "a?b?c?d?e?");
  EXPECT_EQ(Visible("\u0301"), "?") << "an accent without a letter";
  EXPECT_EQ(Visible("e\u0301 漢字 \u05d0 🙂"), "e\u0301 漢字 \u05d0 🙂");
}

TEST(ShortenedMiddle, KeepsBeginAndEnd) {
  EXPECT_EQ(ShortenedMiddle("conv1", 5), "conv1");
  EXPECT_EQ(ShortenedMiddle("inception_relu", 9), "ince\u2026relu");
  EXPECT_EQ(ShortenedMiddle("inception_relu", 8), "ince\u2026elu");
  EXPECT_EQ(ShortenedMiddle("\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc", 3), "\u00e4\u2026\u00fc");
  EXPECT_EQ(ShortenedMiddle("ab", 1), "\u2026");
  EXPECT_EQ(ShortenedMiddle("漢字漢字", 7), "漢…字") << "two columns each";
  EXPECT_EQ(ShortenedMiddle("e\u0301e\u0301e\u0301", 3), "e\u0301e\u0301e\u0301");
  EXPECT_EQ(ShortenedMiddle("abcde\u0301e\u0301", 3), "a\u2026e\u0301");
  EXPECT_EQ(ShortenedMiddle("ab", 0), "");
}

}  // namespace
}  // namespace synergy
