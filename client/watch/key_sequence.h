// Keys out of the bytes that a terminal sends for them: those of arrows, Home and the like are
// sequences (ECMA-48's CSI and SS3), whose digits and letters are no keys. Pure.
#pragma once

#include <cstdint>

namespace synergy {

// Escape, or a key that is a sequence.
inline constexpr char kOtherKey = '\x1b';

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
    kLast     // one byte more: ESC O, and the ESC [ [ of Linux' console
  };
  State state_ = State::kNone;
};

}  // namespace synergy
