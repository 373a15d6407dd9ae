// LEB128 varints and zigzag, the building blocks of the encodings of records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace synergy {

inline void AppendVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// Takes a varint off the front of `data`. False where there is no whole one of at most 64 bits.
bool TakeLongVarint(std::string_view* data, uint64_t* value);
inline bool TakeVarint(std::string_view* data, uint64_t* value) {
  if (data->empty() || static_cast<uint8_t>(data->front()) >= 0x80) {
    return TakeLongVarint(data, value);
  }
  *value = static_cast<uint8_t>(data->front());
  data->remove_prefix(1);
  return true;
}

// Signed numbers of small magnitude as small unsigned ones: 0, -1, 1, -2, ...
constexpr uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (0 - (value & 1)));
}

// Differences and sums modulo 2^64: every pair of stamps has a difference, whatever the bytes say.
constexpr int64_t WrappingDifference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
constexpr int64_t WrappingSum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace synergy
