// Keys out of the bytes that a terminal sends for them: those of arrows, Home and the like are
// sequences (ECMA-48's CSI and SS3), whose digits and letters are no keys. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace synergy {

// Escape, or a key that is a sequence and none of the following.
inline constexpr char kOtherKey = '\x1b';
// What Ctrl-P, N, B and F are, with which less(1) does the same.
inline constexpr char kUpKey = '\x10', kDownKey = '\x0e';
inline constexpr char kPageUpKey = '\x02', kPageDownKey = '\x06';

// Thread-compatible.
class KeySequence {
 public:
  // The key that ends with this byte; '\0': the byte is within a sequence.
  char Add(char byte);
  // No byte has come for a while: kOtherKey where that was Escape alone, else '\0'.
  char Rest();

 private:
  enum class State : uint8_t {
    kNone,
    kEscape,  // ESC was the last byte
    kRested,  // likewise, and it was told as a key
    kCsi,     // ESC [, parameters and intermediates
    kSs3,     // ESC O, one byte more
    kLast     // ESC [ [ of Linux' console, likewise
  };
  State state_ = State::kNone;
  std::string parameters_;  // of a CSI, its first
};

}  // namespace synergy
