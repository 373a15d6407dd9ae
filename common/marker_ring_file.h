// Where what lies in the file of a marker ring, and reading and writing it. For the marker ring's
// own files.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "common/marker_ring.h"

namespace synergy {

off_t LaneOffset(uint32_t lane);
off_t MarkerOffset(const RingGeometry& geometry, uint32_t lane, uint64_t index);

// InvalidArgument where CreateMarkerRing takes no such one.
absl::Status CheckGeometry(const RingGeometry& geometry);
// ResourceExhausted where memory or space ran out, else Internal.
absl::Status RingFailure(const char* what, int error);

// All bytes or an error. DataLoss: the file is shorter.
absl::Status ReadRing(int fd, void* data, size_t bytes, off_t offset);
absl::Status WriteRing(int fd, const void* data, size_t bytes, off_t offset);

}  // namespace synergy
