#include "client/watch/terminal_look.h"

#include <algorithm>
#include <cctype>

namespace synergy {
namespace {

std::string ValueOf(const std::function<const char*(const char*)>& variable, const char* name) {
  const char* value = variable(name);
  return value == nullptr ? "" : value;
}

bool IsUtf8(const std::function<const char*(const char*)>& variable) {
  // The kernel's console: its fonts have no braille.
  if (ValueOf(variable, "TERM") == "linux") return false;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string locale = ValueOf(variable, name);
    if (locale.empty()) continue;
    std::ranges::transform(locale, locale.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

Colors ColorsOf(const std::function<const char*(const char*)>& variable) {
  const std::string term = ValueOf(variable, "TERM");
  if (!ValueOf(variable, "NO_COLOR").empty() || term.empty() || term == "dumb" ||
      term.starts_with("vt")) {
    return Colors::kNone;
  }
  const bool many = term.find("256color") != std::string::npos ||
                    !ValueOf(variable, "COLORTERM").empty() ||
                    term.find("direct") != std::string::npos;
  return many ? Colors::k256 : Colors::k16;
}

}  // namespace

TerminalLook LookFrom(const std::function<const char*(const char*)>& variable) {
  return {IsUtf8(variable), ColorsOf(variable)};
}

std::string_view InkSequence(Ink ink, Colors colors) {
  // The colours of rails are those of Okabe and Ito, which people with any colour vision can tell
  // apart: sky blue, orange, reddish purple; the warning is their vermilion.
  const bool many = colors == Colors::k256, none = colors == Colors::kNone;
  switch (ink) {
    case Ink::kPlain:
      return "\x1b[m";
    case Ink::kBold:
      return "\x1b[0;1m";
    case Ink::kDim:
      return "\x1b[0;2m";
    case Ink::kReverse:
      return "\x1b[0;7m";
    case Ink::kWarning:
      return none ? "\x1b[0;1;7m" : many ? "\x1b[0;1;38;5;202m" : "\x1b[0;1;31m";
    case Ink::kFirst:
      return none ? "\x1b[m" : many ? "\x1b[0;38;5;74m" : "\x1b[0;36m";
    case Ink::kSecond:
      return none ? "\x1b[m" : many ? "\x1b[0;38;5;214m" : "\x1b[0;33m";
    case Ink::kThird:
      return none ? "\x1b[m" : many ? "\x1b[0;38;5;175m" : "\x1b[0;35m";
  }
  return "\x1b[m";
}

}  // namespace synergy
