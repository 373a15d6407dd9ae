#include "client/watch/key_sequence.h"

#include <utility>

namespace synergy {

char KeySequence::Add(char byte) {
  if (byte == '\x1b') {
    state_ = State::kEscape;
    return '\0';
  }
  const State before = std::exchange(state_, State::kNone);
  if (before == State::kNone) return byte;
  if (before == State::kLast) return kOtherKey;
  if (before == State::kCsi) {
    if (byte == '[') state_ = State::kLast;
    if (byte >= ' ' && byte < '@') state_ = State::kCsi;
    return state_ == State::kNone ? kOtherKey : '\0';
  }
  if (byte == '[') state_ = State::kCsi;
  if (byte == 'O') state_ = State::kLast;
  return state_ == State::kNone ? byte : '\0';  // with Alt, a key is what it is without
}

char KeySequence::Rest() {
  if (state_ != State::kEscape) return '\0';
  state_ = State::kRested;
  return kOtherKey;
}

}  // namespace synergy
