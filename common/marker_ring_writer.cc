#include "common/marker_ring_writer.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "common/marker_ring_file.h"
#include "fmt/format.h"

namespace synergy {

bool MarkerLane::MakeRoom() {
  if (lane_ == nullptr) {
    ring_->laneless_drops.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  const uint64_t tail = lane_->tail.load(std::memory_order_acquire);
  const uint64_t complement = lane_->tail_complement.load(std::memory_order_acquire);
  // A torn or foolish tail is no news: the marker is dropped rather than an unread one overwritten.
  if (tail == ~complement && tail >= tail_ && tail <= head_) tail_ = tail;
  if (head_ - tail_ <= mask_) return true;
  lane_->dropped.store(++dropped_, std::memory_order_relaxed);
  return false;
}

absl::StatusOr<MarkerRingWriter> MarkerRingWriter::Map(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return RingFailure("fstat", errno);
  RingHeader header{};
  if (static_cast<uint64_t>(file.st_size) < sizeof(header)) {
    return absl::InvalidArgumentError(fmt::format(
        "descriptor {} holds {} bytes, which is no marker ring; start engines through synergyd", fd,
        file.st_size));
  }
  if (absl::Status s = ReadRing(fd, &header, sizeof(header), 0); !s.ok()) return s;
  const RingGeometry geometry{.lanes = header.lanes, .capacity = header.capacity};
  if (header.magic != kMarkerRingMagic || header.version != kMarkerRingVersion ||
      !CheckGeometry(geometry).ok() || geometry.bytes() != static_cast<uint64_t>(file.st_size)) {
    return absl::InvalidArgumentError(fmt::format(
        "descriptor {} holds no marker ring of version {}; use the engine that came with "
        "this synergyd",
        fd, kMarkerRingVersion));
  }
  // MAP_POPULATE: the page tables too are there before the first marker.
  void* base =
      mmap(nullptr, geometry.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (base == MAP_FAILED) return RingFailure("mmap", errno);
  return MarkerRingWriter(base, geometry);
}

MarkerRingWriter::MarkerRingWriter(MarkerRingWriter&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), geometry_(other.geometry_) {}

MarkerRingWriter& MarkerRingWriter::operator=(MarkerRingWriter&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(geometry_, other.geometry_);
  return *this;
}

MarkerRingWriter::~MarkerRingWriter() {
  if (base_ != nullptr) munmap(base_, geometry_.bytes());
}

MarkerLane MarkerRingWriter::Claim() {
  auto* ring = static_cast<RingHeader*>(base_);
  const uint32_t index = ring->claimed.fetch_add(1, std::memory_order_relaxed);
  MarkerLane lane;
  lane.ring_ = ring;
  if (index >= geometry_.lanes) return lane;  // mask 0, head 1, tail 0: always full
  auto* bytes = static_cast<std::byte*>(base_);
  lane.lane_ = reinterpret_cast<Lane*>(bytes + LaneOffset(index));
  lane.markers_ = reinterpret_cast<Marker*>(bytes + MarkerOffset(geometry_, index, 0));
  lane.mask_ = geometry_.capacity - 1;
  lane.head_ = 0;
  lane.index_ = static_cast<uint16_t>(index);
  return lane;
}

}  // namespace synergy
