// The shared-memory ring in which an engine leaves one marker per operator, and the slots that say
// what it is doing now. The only lock-free code of the project, with the telemetry ring.
//
// One file (a sealed memfd; an unlinked file on tmpfs where the kernel has none), laid out as
//   RingHeader | Lane x lanes | Marker[capacity] x lanes
// A lane belongs to one thread of the engine (single producer) and is drained by the daemon (single
// consumer). A full lane drops the marker and counts it; nothing ever blocks.
//
// Here are the layout and the file; marker_ring_writer.h has the engine's side,
// marker_ring_reader.h the daemon's.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace synergy {

// Marker::op and CurrentOperator::op of what is no operator.
inline constexpr uint32_t kOpNet = 0xFFFFFFFF;   // one whole iteration of the net
inline constexpr uint32_t kOpLoad = 0xFFFFFFFE;  // reading and creating the nets; may come in parts
inline constexpr uint32_t kOpInit = 0xFFFFFFFD;  // running the init net
inline constexpr uint32_t kOpNone = 0xFFFFFFFC;  // slot only: between operators
// No execution but the record of a calibration, where an engine stamps by a hardware counter:
// begin_ns and end_ns are CLOCK_MONOTONIC and the counter's idea of it at one instant, the lesser
// first; iteration is 1 where the counter was ahead, 0 where it was behind. Readers who do not care
// skip it.
inline constexpr uint32_t kOpClock = 0xFFFFFFFB;

// One execution of one operator. Times are CLOCK_MONOTONIC of the device.
struct Marker {
  int64_t begin_ns;
  int64_t end_ns;
  uint32_t op;         // index in the net, or one of kOp*
  uint32_t iteration;  // of its phase, from 0
  uint16_t thread;     // lane
  uint8_t device;      // 0: CPU
  uint8_t phase;       // synergy.v1.Phase
  // 0; 1 + i: no execution, but how often its event i happened in the one before it of the same
  // operator, end_ns - begin_ns
  uint32_t event;
};
static_assert(sizeof(Marker) == 32);

inline constexpr uint32_t kMaxCountedEvents = 32;  // of a job

// What a thread of the engine is executing, copied consistently out of its slot.
struct CurrentOperator {
  uint32_t op = kOpNone;
  uint32_t iteration = 0;
  uint16_t thread = 0;
  uint8_t phase = 0;
  int64_t begin_ns = 0;  // since when; with kOpNone, since when it is in none
};

inline constexpr uint32_t kMarkerRingMagic = 0x52594E53;  // "SNYR"
inline constexpr uint32_t kMarkerRingVersion = 1;

struct RingHeader {
  uint32_t magic;
  uint32_t version;
  uint32_t lanes;
  uint32_t capacity;  // markers a lane, a power of two
  alignas(
      64) std::atomic<uint32_t> claimed;  // lanes in use; larger than `lanes`: threads without one
  std::atomic<uint64_t> laneless_drops;   // markers of threads without a lane
};

struct alignas(64) Lane {
  std::atomic<uint64_t> head;              // markers written, by the engine
  std::atomic<uint64_t> dropped;           // by the engine
  alignas(64) std::atomic<uint64_t> tail;  // markers taken, by the daemon
  std::atomic<uint64_t>
      tail_complement;  // ~tail: a pwrite is not atomic, the pair shows a torn one
  // The slot: a sequence lock (odd while it is being written).
  alignas(64) std::atomic<uint32_t> slot_version;
  std::atomic<uint32_t> slot_op;
  std::atomic<uint32_t> slot_iteration;
  std::atomic<uint32_t> slot_phase;
  std::atomic<int64_t> slot_begin_ns;
};

struct RingGeometry {
  uint32_t lanes = 8;
  uint32_t capacity = 1u << 14;  // at 5 us an operator: 80 ms until the daemon must have drained
  uint64_t bytes() const;
};

// Creates the file, all its pages allocated, and (where the kernel can) sealed against resizing.
// The caller owns the descriptor, which is close-on-exec. `lanes` is 1 to 1024, `capacity` a power
// of two up to 2^24; otherwise InvalidArgument.
absl::StatusOr<int> CreateMarkerRing(const RingGeometry& geometry);
// The way of kernels without memfd (before 3.17): an unlinked file in `folder`, which must be on
// tmpfs.
absl::StatusOr<int> CreateMarkerRingInFolder(const RingGeometry& geometry,
                                             const std::string& folder);

}  // namespace synergy
