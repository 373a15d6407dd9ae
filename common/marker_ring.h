// The shared-memory ring in which an engine leaves one marker per operator, and the slots that say what
// it is doing now. The only lock-free code of the project, with the telemetry ring.
//
// One file (a sealed memfd; an unlinked file on tmpfs where the kernel has none), laid out as
//   RingHeader | Lane x lanes | Marker[capacity] x lanes
// A lane belongs to one thread of the engine (single producer) and is drained by the daemon (single
// consumer). A full lane drops the marker and counts it; nothing ever blocks.
//
// The engine maps the file (MarkerRingWriter). The daemon never does: it reads and writes it by pread and
// pwrite (MarkerRingReader), so that an engine that truncates the file costs an error, not a SIGBUS, and
// it believes nothing that it reads there.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"

namespace synergy {

// Marker::op and CurrentOperator::op of what is no operator.
inline constexpr uint32_t kOpNet = 0xFFFFFFFF;   // one whole iteration of the net
inline constexpr uint32_t kOpLoad = 0xFFFFFFFE;  // reading and creating the nets
inline constexpr uint32_t kOpInit = 0xFFFFFFFD;  // running the init net
inline constexpr uint32_t kOpNone = 0xFFFFFFFC;  // slot only: between operators

// One execution of one operator. Times are CLOCK_MONOTONIC of the device.
struct Marker {
  int64_t begin_ns;
  int64_t end_ns;
  uint32_t op;         // index in the net, or one of kOp*
  uint32_t iteration;  // of its phase, from 0
  uint16_t thread;     // lane
  uint8_t device;      // 0: CPU
  uint8_t phase;       // synergy.v1.Phase
  uint32_t reserved;   // 0
};
static_assert(sizeof(Marker) == 32);

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
  uint32_t capacity;                     // markers a lane, a power of two
  alignas(64) std::atomic<uint32_t> claimed;  // lanes in use; larger than `lanes`: threads without one
  std::atomic<uint64_t> laneless_drops;  // markers of threads without a lane
};

struct alignas(64) Lane {
  std::atomic<uint64_t> head;             // markers written, by the engine
  std::atomic<uint64_t> dropped;          // by the engine
  alignas(64) std::atomic<uint64_t> tail; // markers taken, by the daemon
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

// Creates the file, pre-faulted and (where the kernel can) sealed against resizing. The caller owns the
// descriptor.
absl::StatusOr<int> CreateMarkerRing(const RingGeometry& geometry);

// The engine's side. Begin and End: no system call, no allocation, no lock. One MarkerLane per thread.
class MarkerLane {
 public:
  void Begin(uint32_t op, uint32_t iteration, uint8_t phase, int64_t begin_ns);
  // Writes the marker of what Begin announced and clears the slot.
  void End(int64_t end_ns);
  // Writes a marker without touching the slot (whole iterations, setup).
  void Write(const Marker& marker);

 private:
  friend class MarkerRingWriter;
  RingHeader* ring_ = nullptr;
  Lane* lane_ = nullptr;  // null: no lane was left for this thread
  Marker* markers_ = nullptr;
  uint64_t mask_ = 0;
  uint16_t index_ = 0;
};

class MarkerRingWriter {
 public:
  // Maps the ring behind `fd`, which may be closed afterwards.
  static absl::StatusOr<MarkerRingWriter> Map(int fd);
  MarkerRingWriter(MarkerRingWriter&&) noexcept;
  MarkerRingWriter& operator=(MarkerRingWriter&&) noexcept;
  ~MarkerRingWriter();

  // The next free lane, for the calling thread to keep. Never fails: a thread too many gets a lane that
  // only counts drops.
  MarkerLane Claim();

 private:
  MarkerRingWriter(void* base, uint64_t bytes) : base_(base), bytes_(bytes) {}
  void* base_ = nullptr;
  uint64_t bytes_ = 0;
};

// The daemon's side. Not thread-safe. Borrows `fd`.
class MarkerRingReader {
 public:
  MarkerRingReader(int fd, const RingGeometry& geometry) : fd_(fd), geometry_(geometry) {}

  // Appends all new markers, in order within each lane. An error (DataLoss) means that the ring can no
  // longer be believed: truncated, or counters that run backwards or beyond the capacity.
  absl::Status DrainUntrusted(std::vector<Marker>* out);
  // The slot of every claimed lane. A slot that is being rewritten is read again.
  absl::Status ReadCurrentUntrusted(std::vector<CurrentOperator>* out);
  // Markers that the engine dropped so far.
  absl::StatusOr<uint64_t> Dropped();

 private:
  int fd_;
  RingGeometry geometry_;
  std::vector<uint64_t> tails_;
};

}  // namespace synergy
