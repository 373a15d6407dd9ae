// The engine's side of the marker ring (common/marker_ring.h): maps the file and writes into it.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"
#include "common/marker_ring.h"

namespace synergy {

// MarkerRingWriter::Claim gives it. Begin, End and Write: no system call, no allocation, no lock.
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
                .event = 0};
    SetSlot(op, begin_ns);
  }
  // Writes the marker of what Begin announced and clears the slot. False: it was dropped.
  bool End(int64_t end_ns) {
    current_.end_ns = end_ns;
    // First: whoever reads the slot and then the ring misses nothing.
    const bool written = Write(current_);
    SetSlot(kOpNone, end_ns);
    return written;
  }
  // Writes a marker (its `thread` becomes this lane's) without touching the slot: whole iterations.
  // False: it was dropped.
  bool Write(Marker marker) {
    if (head_ - tail_ > mask_ && !MakeRoom()) return false;
    marker.thread = index_;
    markers_[head_ & mask_] = marker;
    lane_->head.store(++head_, std::memory_order_release);
    return true;
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

}  // namespace synergy
