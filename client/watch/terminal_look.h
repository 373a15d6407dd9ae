// What a terminal can show, from the environment. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace synergy {

// How much a glyph matters, or whose it is. Each level of colours has its own way to show it; none
// tells red from green.
enum class Ink : uint8_t { kPlain, kBold, kDim, kReverse, kWarning, kFirst, kSecond, kThird };

enum class Colors : uint8_t { kNone, k16, k256 };

struct TerminalLook {
  bool utf8 = false;
  Colors colors = Colors::kNone;
  friend bool operator==(const TerminalLook&, const TerminalLook&) = default;
};

// Of LC_ALL, LC_CTYPE and LANG, of which the first that is set counts; NO_COLOR (no-color.org),
// TERM and COLORTERM. `variable`: as std::getenv.
TerminalLook LookFrom(const std::function<const char*(const char*)>& variable);

// The control sequence after which text has this ink, whatever it had before.
std::string_view InkSequence(Ink ink, Colors colors);

}  // namespace synergy
