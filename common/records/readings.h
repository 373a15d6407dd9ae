// Readings of one sensor channel, and their encoding ENCODING_READINGS.
//
// Bytes of a chunk: per record, as LEB128 varints (zigzag where signed):
//   zigzag(begin_ns - previous begin_ns)   the first record's previous is 0
//   end_ns - begin_ns
//   zigzag(raw - previous raw)             likewise
//   freshness
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace synergy {

enum class Freshness : uint8_t {
  kUnknown = 0,  // the sensor does not tell
  kFresh = 1,    // from a conversion that was not read before
  kRepeat = 2,   // the conversion of the reading before
};

// What the sensor said. begin_ns and end_ns stamp the read itself on the device's CLOCK_MONOTONIC;
// which span of time the value integrates is said by the channel's Window.
struct Reading {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  int64_t raw = 0;
  Freshness freshness = Freshness::kUnknown;
  friend bool operator==(const Reading&, const Reading&) = default;
};

std::string EncodeReadings(const std::vector<Reading>& readings);
// DataLoss where the bytes are not exactly `count` records.
absl::StatusOr<std::vector<Reading>> DecodeReadingsUntrusted(std::string_view data, uint32_t count);

}  // namespace synergy
