#include "common/marker_ring_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>

#include "common/marker_ring_file.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// A slot is rewritten every few microseconds at worst and read in one; more tries than this only
// meet a slot that its thread left half written.
constexpr int kSlotTries = 100;
// Phase and device share a byte of the recorded marker (common/records/markers.h).
constexpr uint8_t kPhaseLimit = 8;

}  // namespace

absl::StatusOr<uint32_t> MarkerRingReader::ClaimedLanes() {
  uint32_t claimed = 0;
  if (absl::Status s = ReadRing(fd_, &claimed, sizeof(claimed), offsetof(RingHeader, claimed));
      !s.ok()) {
    return s;
  }
  return std::min(claimed, geometry_.lanes);
}

// A pread need not be atomic, so the counter is read until it says the same twice.
absl::StatusOr<uint64_t> MarkerRingReader::ReadHead(uint32_t lane) {
  const off_t offset = LaneOffset(lane) + static_cast<off_t>(offsetof(Lane, head));
  uint64_t before = 0;
  if (absl::Status s = ReadRing(fd_, &before, sizeof(before), offset); !s.ok()) return s;
  for (int i = 0; i < kSlotTries; ++i) {
    uint64_t now = 0;
    if (absl::Status s = ReadRing(fd_, &now, sizeof(now), offset); !s.ok()) return s;
    if (now == before) return now;
    before = now;
  }
  return tails_[lane];  // it never rests: take nothing this time
}

absl::Status MarkerRingReader::TakeMarkers(uint32_t lane, uint64_t first, uint64_t count,
                                           std::vector<Marker>* out) {
  const size_t old_size = out->size();
  out->resize(old_size + count);
  const uint64_t index = first & (geometry_.capacity - 1);
  const uint64_t to_end = std::min(count, geometry_.capacity - index);
  absl::Status status = ReadRing(fd_, out->data() + old_size, to_end * sizeof(Marker),
                                 MarkerOffset(geometry_, lane, index));
  if (status.ok() && count > to_end) {
    status = ReadRing(fd_, out->data() + old_size + to_end, (count - to_end) * sizeof(Marker),
                      MarkerOffset(geometry_, lane, 0));
  }
  if (!status.ok()) out->resize(old_size);
  for (size_t i = old_size; i < out->size(); ++i) {
    const Marker& m = (*out)[i];
    if (m.begin_ns >= 0 && m.end_ns >= m.begin_ns && m.thread == lane && m.phase < kPhaseLimit &&
        m.event <= kMaxCountedEvents) {
      continue;
    }
    status = absl::DataLossError(fmt::format(
        "marker {} of lane {} is garbage (begin {} ns, end {} ns, thread {}): the engine "
        "overwrote its ring",
        first + (i - old_size), lane, m.begin_ns, m.end_ns, m.thread));
    out->resize(i);
  }
  return status;
}

absl::Status MarkerRingReader::DrainLane(uint32_t lane, std::vector<Marker>* out) {
  absl::StatusOr<uint64_t> head = ReadHead(lane);
  if (!head.ok()) return head.status();
  uint64_t& tail = tails_[lane];
  if (*head < tail || *head - tail > geometry_.capacity) {
    return absl::DataLossError(
        fmt::format("lane {} of the marker ring says {} markers written after {} were taken: the "
                    "engine overwrote its ring",
                    lane, *head, tail));
  }
  if (*head == tail) return absl::OkStatus();
  std::atomic_thread_fence(std::memory_order_acquire);  // the head first, then what it vouches for
  if (absl::Status s = TakeMarkers(lane, tail, *head - tail, out); !s.ok()) return s;
  std::atomic_thread_fence(std::memory_order_release);  // taken before it may be overwritten
  tail = *head;
  const uint64_t pair[2] = {tail, ~tail};
  return WriteRing(fd_, pair, sizeof(pair),
                   LaneOffset(lane) + static_cast<off_t>(offsetof(Lane, tail)));
}

absl::Status MarkerRingReader::DrainUntrusted(std::vector<Marker>* out) {
  absl::StatusOr<uint32_t> lanes = ClaimedLanes();
  if (!lanes.ok()) return lanes.status();
  for (uint32_t lane = 0; lane < *lanes; ++lane) {
    if (absl::Status s = DrainLane(lane, out); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status MarkerRingReader::ReadCurrentUntrusted(std::vector<CurrentOperator>* out) {
  out->clear();
  absl::StatusOr<uint32_t> lanes = ClaimedLanes();
  if (!lanes.ok()) return lanes.status();
  for (uint32_t i = 0; i < *lanes; ++i) {
    absl::StatusOr<std::optional<CurrentOperator>> current = ReadSlot(i);
    if (!current.ok()) return current.status();
    if (current->has_value()) out->push_back(**current);
  }
  return absl::OkStatus();
}

// The version changes with every write, so two equal reads with an even one saw no write between
// them.
absl::StatusOr<std::optional<CurrentOperator>> MarkerRingReader::ReadSlot(uint32_t lane) {
  constexpr size_t kSlotBytes = sizeof(Lane) - offsetof(Lane, slot_version);
  constexpr off_t kSlotOffset = static_cast<off_t>(offsetof(Lane, slot_version));
  std::array<char, kSlotBytes> before{};
  std::array<char, kSlotBytes> now{};
  const off_t offset = LaneOffset(lane) + kSlotOffset;
  if (absl::Status s = ReadRing(fd_, before.data(), kSlotBytes, offset); !s.ok()) return s;
  for (int i = 0; i < kSlotTries; ++i) {
    std::atomic_thread_fence(std::memory_order_acquire);
    if (absl::Status s = ReadRing(fd_, now.data(), kSlotBytes, offset); !s.ok()) return s;
    Lane slot{};
    std::memcpy(reinterpret_cast<char*>(&slot) + kSlotOffset, now.data(), kSlotBytes);
    if (now == before && slot.slot_version % 2 == 0) {
      if (slot.slot_phase >= kPhaseLimit || slot.slot_begin_ns < 0) {
        return absl::DataLossError(
            fmt::format("the slot of lane {} is garbage (phase {}): the engine overwrote its ring",
                        lane, slot.slot_phase.load()));
      }
      return CurrentOperator{.op = slot.slot_op,
                             .iteration = slot.slot_iteration,
                             .thread = static_cast<uint16_t>(lane),
                             .phase = static_cast<uint8_t>(slot.slot_phase),
                             .begin_ns = slot.slot_begin_ns};
    }
    before = now;
  }
  return std::nullopt;
}

absl::StatusOr<uint64_t> MarkerRingReader::Dropped() {
  absl::StatusOr<uint32_t> lanes = ClaimedLanes();
  if (!lanes.ok()) return lanes.status();
  uint64_t total = 0;
  const auto add = [&](off_t offset) {
    uint64_t count = 0;
    absl::Status s = ReadRing(fd_, &count, sizeof(count), offset);
    const bool overflow = count > std::numeric_limits<uint64_t>::max() - total;
    total = overflow ? std::numeric_limits<uint64_t>::max() : total + count;
    return s;
  };
  absl::Status status = add(static_cast<off_t>(offsetof(RingHeader, laneless_drops)));
  for (uint32_t i = 0; i < *lanes && status.ok(); ++i) {
    status = add(LaneOffset(i) + static_cast<off_t>(offsetof(Lane, dropped)));
  }
  if (!status.ok()) return status;
  return total;
}

}  // namespace synergy
