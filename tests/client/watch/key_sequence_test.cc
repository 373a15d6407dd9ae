#include "client/watch/key_sequence.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace synergy {
namespace {

// What these bytes are as keys, '.' for one that has no letter.
std::string KeysOf(std::string_view bytes) {
  KeySequence keys;
  std::string pressed;
  for (const char byte : bytes) {
    const char key = keys.Add(byte);
    if (key != '\0') pressed += key == kOtherKey ? '.' : key;
  }
  return pressed;
}

TEST(KeySequence, LettersAndDigitsAreKeys) { EXPECT_EQ(KeysOf("q1?+"), "q1?+"); }

TEST(KeySequence, NoPartOfASequenceIsAKey) {
  EXPECT_EQ(KeysOf("\x1b[1~s"), ".s");            // Home
  EXPECT_EQ(KeysOf("\x1b[4~"), ".");              // End
  EXPECT_EQ(KeysOf("\x1b[C\x1b[D"), "..");        // arrows
  EXPECT_EQ(KeysOf("\x1b[1;5C"), ".");            // Ctrl and an arrow
  EXPECT_EQ(KeysOf("\x1bOP\x1bOS1"), "..1");      // F1, F4
  EXPECT_EQ(KeysOf("\x1b[[A\x1b[15~"), "..");     // F1 of Linux' console, F5
  EXPECT_EQ(KeysOf("\x1b[?62;c\x1b[2 q"), "..");  // answers
  EXPECT_EQ(KeysOf("\x1b[1\x1b[2~p"), ".p");      // one that was cut off
}

TEST(KeySequence, UpAndDownAreKeys) {
  const std::string keys{kUpKey, kDownKey, kPageUpKey, kPageDownKey};
  EXPECT_EQ(KeysOf("\x1b[A\x1b[B\x1b[5~\x1b[6~"), keys);
  EXPECT_EQ(KeysOf("\x1bOA\x1bOB"), keys.substr(0, 2)) << "with application cursor keys";
  EXPECT_EQ(KeysOf("\x1b[1;5A\x1b[55~\x1b[5;2~"), "...") << "others";
}

TEST(KeySequence, WithAltAKeyIsTheSame) { EXPECT_EQ(KeysOf("\x1bq"), "q"); }

TEST(KeySequence, EscapeAloneIsAKeyOnceNothingFollows) {
  KeySequence keys;
  EXPECT_EQ(keys.Rest(), '\0');
  EXPECT_EQ(keys.Add('\x1b'), '\0');
  EXPECT_EQ(keys.Rest(), kOtherKey);
  EXPECT_EQ(keys.Rest(), '\0');
  // The rest of a sequence that was held up on its way is no key either.
  EXPECT_EQ(keys.Add('['), '\0');
  EXPECT_EQ(keys.Add('1'), '\0');
  EXPECT_EQ(keys.Add('~'), kOtherKey);
}

}  // namespace
}  // namespace synergy
