// The shared-memory ring in which an engine leaves one marker per operator, and the slots that say
// what it is doing now. The only lock-free code of the project, with the telemetry ring.
//
// One file (a sealed memfd; an unlinked file on tmpfs where the kernel has none), laid out as
//   RingHeader | Lane x lanes | Marker[capacity] x lanes
// A lane belongs to one thread of the engine (single producer) and is drained by the daemon (single
// consumer). A full lane drops the marker and counts it; nothing ever blocks.
//
// The engine maps the file (MarkerRingWriter). The daemon never does: it reads and writes it by
// pread and pwrite (MarkerRingReader), so that an engine that truncates the file costs an error,
// not a SIGBUS, and it believes nothing that it reads there.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"

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

// The engine's side; Claim gives it. Begin, End and Write: no system call, no allocation, no lock.
// One thread uses a lane.
class MarkerLane {
 public:
  void Begin(uint32_t op, uint32_t iteration, uint8_t phase, int64_t begin_ns) {
    current_ = {.begin_ns = begin_ns,
                .end_ns = 0,
                .op = op,
                .iteration = iteration,
                .thread = index_,
                .device = 0,
                .phase = phase,
                .reserved = 0};
    SetSlot(op, begin_ns);
  }
  // Writes the marker of what Begin announced and clears the slot.
  void End(int64_t end_ns) {
    current_.end_ns = end_ns;
    Write(current_);  // first: whoever reads the slot and then the ring misses nothing
    SetSlot(kOpNone, end_ns);
  }
  // Writes a marker (its `thread` becomes this lane's) without touching the slot: whole iterations.
  void Write(Marker marker) {
    if (head_ - tail_ > mask_ && !MakeRoom()) return;
    marker.thread = index_;
    markers_[head_ & mask_] = marker;
    lane_->head.store(++head_, std::memory_order_release);
  }
  // What Begin announced last.
  const Marker& current() const { return current_; }

 private:
  friend class MarkerRingWriter;
  void SetSlot(uint32_t op, int64_t begin_ns) {
    if (lane_ == nullptr) return;
    lane_->slot_version.store(++slot_version_, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    lane_->slot_op.store(op, std::memory_order_relaxed);
    lane_->slot_iteration.store(current_.iteration, std::memory_order_relaxed);
    lane_->slot_phase.store(current_.phase, std::memory_order_relaxed);
    lane_->slot_begin_ns.store(begin_ns, std::memory_order_relaxed);
    lane_->slot_version.store(++slot_version_, std::memory_order_release);
  }
  // Looks how far the daemon has come. False: the lane is full or there is none; the drop is
  // counted.
  bool MakeRoom();

  RingHeader* ring_ = nullptr;
  Lane* lane_ = nullptr;  // null: no lane was left for this thread
  Marker* markers_ = nullptr;
  uint64_t mask_ = 0;
  uint64_t head_ = 1;  // own copies: what others write into the ring moves no pointer here
  uint64_t tail_ = 0;
  uint64_t dropped_ = 0;
  uint32_t slot_version_ = 0;
  uint16_t index_ = 0;
  Marker current_ = {};
};

class MarkerRingWriter {
 public:
  // Maps the ring behind `fd`, which may be closed afterwards. InvalidArgument: no ring of this
  // version.
  static absl::StatusOr<MarkerRingWriter> Map(int fd);
  MarkerRingWriter(MarkerRingWriter&&) noexcept;
  MarkerRingWriter& operator=(MarkerRingWriter&&) noexcept;
  ~MarkerRingWriter();

  // The next free lane, for the calling thread to keep. Never fails: a thread too many gets a lane
  // that only counts drops.
  MarkerLane Claim();

 private:
  MarkerRingWriter(void* base, const RingGeometry& geometry) : base_(base), geometry_(geometry) {}
  void* base_ = nullptr;
  RingGeometry geometry_;
};

// The daemon's side. Not thread-safe. Borrows `fd`.
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
