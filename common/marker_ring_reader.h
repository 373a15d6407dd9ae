// The daemon's side of the marker ring (common/marker_ring.h). It never maps the file but reads and
// writes it by pread and pwrite, so that an engine that truncates it costs an error, not a SIGBUS,
// and it believes nothing that it reads there.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/marker_ring.h"

namespace synergy {

// Not thread-safe. Borrows `fd`.
class MarkerRingReader {
 public:
  MarkerRingReader(int fd, const RingGeometry& geometry)
      : fd_(fd), geometry_(geometry), tails_(geometry.lanes, 0) {}

  // Appends all new markers, in order within each lane. An error (DataLoss) means that the ring can
  // no longer be believed: truncated, counters that run backwards or beyond the capacity, or a
  // marker that no engine writes (end before begin, another lane's thread). What was appended
  // before stays valid.
  absl::Status DrainUntrusted(std::vector<Marker>* out);
  // Replaces `out` by the slots of all claimed lanes. A slot that is being rewritten is read again;
  // one that never comes to rest (its thread died in the middle of writing it) is left out.
  absl::Status ReadCurrentUntrusted(std::vector<CurrentOperator>* out);
  // Markers that the engine says it dropped so far.
  absl::StatusOr<uint64_t> Dropped();

 private:
  absl::StatusOr<uint32_t> ClaimedLanes();
  absl::StatusOr<uint64_t> ReadHead(uint32_t lane);
  absl::Status DrainLane(uint32_t lane, std::vector<Marker>* out);
  absl::StatusOr<std::optional<CurrentOperator>> ReadSlot(uint32_t lane);
  absl::Status TakeMarkers(uint32_t lane, uint64_t first, uint64_t count, std::vector<Marker>* out);

  int fd_;
  RingGeometry geometry_;
  std::vector<uint64_t> tails_;  // per lane; what the file says of them is not believed
};

}  // namespace synergy
