#include "client/watch/key_sequence.h"

#include <string_view>
#include <utility>

namespace synergy {
namespace {

constexpr size_t kMostParameters = 8;

char KeyOf(std::string_view parameters, char last) {
  if (parameters.empty() && last == 'A') return kUpKey;
  if (parameters.empty() && last == 'B') return kDownKey;
  if (parameters == "5" && last == '~') return kPageUpKey;
  if (parameters == "6" && last == '~') return kPageDownKey;
  return kOtherKey;
}

}  // namespace

char KeySequence::Add(char byte) {
  if (byte == '\x1b') {
    state_ = State::kEscape;
    parameters_.clear();
    return '\0';
  }
  const State before = std::exchange(state_, State::kNone);
  if (before == State::kNone) return byte;
  if (before == State::kLast) return kOtherKey;
  if (before == State::kSs3) return KeyOf("", byte);
  if (before == State::kCsi) {
    if (byte == '[') state_ = State::kLast;
    if (byte >= ' ' && byte < '@') {
      state_ = State::kCsi;
      if (parameters_.size() < kMostParameters) parameters_ += byte;
    }
    return state_ == State::kNone ? KeyOf(parameters_, byte) : '\0';
  }
  if (byte == '[') state_ = State::kCsi;
  if (byte == 'O') state_ = State::kSs3;
  return state_ == State::kNone ? byte : '\0';  // with Alt, a key is what it is without
}

char KeySequence::Rest() {
  if (state_ != State::kEscape) return '\0';
  state_ = State::kRested;
  return kOtherKey;
}

}  // namespace synergy
