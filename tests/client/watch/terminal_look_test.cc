#include "client/watch/terminal_look.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace synergy {
namespace {

TerminalLook LookOf(const std::map<std::string, std::string>& variables) {
  return LookFrom([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(TerminalLook, HasAsManyColorsAsTheTerminalSays) {
  EXPECT_EQ(LookOf({}).colors, Colors::kNone);
  EXPECT_EQ(LookOf({{"TERM", "vt100"}}).colors, Colors::kNone);
  EXPECT_EQ(LookOf({{"TERM", "xterm"}}).colors, Colors::k16);
  EXPECT_EQ(LookOf({{"TERM", "xterm-256color"}}).colors, Colors::k256);
  EXPECT_EQ(LookOf({{"TERM", "xterm"}, {"COLORTERM", "truecolor"}}).colors, Colors::k256);
}

TEST(TerminalLook, NoColorEndsThem) {
  EXPECT_EQ(LookOf({{"TERM", "xterm-256color"}, {"NO_COLOR", "1"}}).colors, Colors::kNone);
  EXPECT_EQ(LookOf({{"TERM", "xterm-256color"}, {"NO_COLOR", ""}}).colors, Colors::k256);
  for (const Ink ink : {Ink::kWarning, Ink::kFirst, Ink::kSecond, Ink::kThird}) {
    EXPECT_EQ(InkSequence(ink, Colors::kNone).find(";3"), std::string::npos);
  }
}

TEST(TerminalLook, FirstLocaleThatIsSetCounts) {
  EXPECT_FALSE(LookOf({}).utf8);
  EXPECT_TRUE(LookOf({{"LANG", "de_DE.UTF-8"}}).utf8);
  EXPECT_TRUE(LookOf({{"LC_CTYPE", "C.utf8"}}).utf8);
  EXPECT_FALSE(LookOf({{"LC_ALL", "C"}, {"LANG", "de_DE.UTF-8"}}).utf8);
}

TEST(TerminalLook, ConsoleOfTheKernelHasNoBraille) {
  EXPECT_FALSE(LookOf({{"TERM", "linux"}, {"LANG", "de_DE.UTF-8"}}).utf8);
}

TEST(TerminalLook, RailsDifferWhereThereAreColors) {
  for (const Colors colors : {Colors::k16, Colors::k256}) {
    EXPECT_NE(InkSequence(Ink::kFirst, colors), InkSequence(Ink::kSecond, colors));
    EXPECT_NE(InkSequence(Ink::kSecond, colors), InkSequence(Ink::kThird, colors));
  }
}

}  // namespace
}  // namespace synergy
