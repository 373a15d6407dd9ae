// Encoding ENCODING_MARKERS of Marker (common/marker_ring.h).
//
// Bytes of a chunk: per marker, as LEB128 varints (zigzag where signed):
//   zigzag(begin_ns - previous end_ns)   the first marker's previous is 0
//   end_ns - begin_ns
//   zigzag(op - previous op - 1)         as 64-bit numbers; operators mostly follow each other;
//                                        the first marker's previous is -1
//   zigzag(iteration - previous iteration)   the first marker's previous is 0
//   thread, device * 8 + phase           phases are below 8
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/marker_ring.h"

namespace synergy {

std::string EncodeMarkers(const std::vector<Marker>& markers);
// DataLoss where the bytes are not exactly `count` markers with end_ns >= begin_ns.
absl::StatusOr<std::vector<Marker>> DecodeMarkersUntrusted(std::string_view data, uint32_t count);

}  // namespace synergy
