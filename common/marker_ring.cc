#include "common/marker_ring.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr uint32_t kMaxLanes = 1024;
constexpr uint32_t kMaxCapacity = 1u << 24;
// A slot is rewritten every few microseconds at worst and read in one; more tries than this only
// meet a slot that its thread left half written.
constexpr int kSlotTries = 100;
// Phase and device share a byte of the recorded marker (common/records/markers.h).
constexpr uint8_t kPhaseLimit = 8;

static_assert(std::atomic<uint64_t>::is_always_lock_free &&
              std::atomic<uint32_t>::is_always_lock_free &&
              std::atomic<int64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint64_t>) == 8 && sizeof(std::atomic<uint32_t>) == 4);

off_t LaneOffset(uint32_t lane) {
  return static_cast<off_t>(sizeof(RingHeader) + lane * sizeof(Lane));
}

off_t MarkerOffset(const RingGeometry& g, uint32_t lane, uint64_t index) {
  const uint64_t before = uint64_t{lane} * g.capacity + index;
  return static_cast<off_t>(sizeof(RingHeader) + g.lanes * sizeof(Lane) + before * sizeof(Marker));
}

absl::Status CheckGeometry(const RingGeometry& g) {
  if (g.lanes >= 1 && g.lanes <= kMaxLanes && std::has_single_bit(g.capacity) &&
      g.capacity <= kMaxCapacity) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "a marker ring of {} lanes of {} markers: lanes must be 1 to {}, markers a power of "
      "two up to {}",
      g.lanes, g.capacity, kMaxLanes, kMaxCapacity));
}

absl::Status Failure(const char* what, int error) {
  const std::string text = fmt::format("marker ring: {}: {}", what, std::strerror(error));
  return error == ENOSPC || error == ENOMEM
             ? absl::ResourceExhaustedError(text + "; free memory or space in /dev/shm")
             : absl::InternalError(text);
}

absl::Status ReadExactly(int fd, void* data, size_t bytes, off_t offset) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n =
        pread(fd, static_cast<char*>(data) + done, bytes - done, offset + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failure("pread", errno);
    if (n == 0) {
      return absl::DataLossError(
          fmt::format("the marker ring ends at byte {}: the engine truncated it; its markers are "
                      "lost from here",
                      offset + static_cast<off_t>(done)));
    }
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status WriteExactly(int fd, const void* data, size_t bytes, off_t offset) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n = pwrite(fd, static_cast<const char*>(data) + done, bytes - done,
                             offset + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failure("pwrite", errno);
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

// fallocate gives every page now, so that no store of the engine can meet a full tmpfs (SIGBUS).
absl::Status Initialise(int fd, const RingGeometry& geometry) {
  if (ftruncate(fd, static_cast<off_t>(geometry.bytes())) != 0) return Failure("ftruncate", errno);
  if (fallocate(fd, 0, 0, static_cast<off_t>(geometry.bytes())) != 0) {
    return Failure("fallocate", errno);
  }
  RingHeader header{};
  header.magic = kMarkerRingMagic;
  header.version = kMarkerRingVersion;
  header.lanes = geometry.lanes;
  header.capacity = geometry.capacity;
  if (absl::Status s = WriteExactly(fd, &header, sizeof(header), 0); !s.ok()) return s;
  Lane lane{};
  lane.tail_complement = ~uint64_t{0};
  lane.slot_op = kOpNone;
  for (uint32_t i = 0; i < geometry.lanes; ++i) {
    if (absl::Status s = WriteExactly(fd, &lane, sizeof(lane), LaneOffset(i)); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckTmpfs(int fd, const std::string& folder) {
  struct statfs fs {};
  if (fstatfs(fd, &fs) != 0) return Failure("fstatfs", errno);
  if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "marker ring in {}: not a tmpfs, markers would go to a disk; mount a tmpfs on /dev/shm",
      folder));
}

}  // namespace

uint64_t RingGeometry::bytes() const {
  return sizeof(RingHeader) + lanes * (sizeof(Lane) + uint64_t{capacity} * sizeof(Marker));
}

absl::StatusOr<int> CreateMarkerRing(const RingGeometry& geometry) {
  if (absl::Status s = CheckGeometry(geometry); !s.ok()) return s;
  const int fd = memfd_create("synergy-marker-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 && errno == ENOSYS) return CreateMarkerRingInFolder(geometry, "/dev/shm");
  if (fd < 0) return Failure("memfd_create", errno);
  absl::Status status = Initialise(fd, geometry);
  if (status.ok() && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    status = Failure("F_ADD_SEALS", errno);
  }
  if (status.ok()) return fd;
  close(fd);
  return status;
}

absl::StatusOr<int> CreateMarkerRingInFolder(const RingGeometry& geometry,
                                             const std::string& folder) {
  if (absl::Status s = CheckGeometry(geometry); !s.ok()) return s;
  std::string path = folder + "/synergy-marker-ring-XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return Failure(("creating " + path).c_str(), errno);
  unlink(path.c_str());
  absl::Status status = CheckTmpfs(fd, folder);
  if (status.ok()) status = Initialise(fd, geometry);
  if (status.ok()) return fd;
  close(fd);
  return status;
}

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
  if (fstat(fd, &file) != 0) return Failure("fstat", errno);
  RingHeader header{};
  if (static_cast<uint64_t>(file.st_size) < sizeof(header)) {
    return absl::InvalidArgumentError(fmt::format(
        "descriptor {} holds {} bytes, which is no marker ring; start engines through synergyd", fd,
        file.st_size));
  }
  if (absl::Status s = ReadExactly(fd, &header, sizeof(header), 0); !s.ok()) return s;
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
  if (base == MAP_FAILED) return Failure("mmap", errno);
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

absl::StatusOr<uint32_t> MarkerRingReader::ClaimedLanes() {
  uint32_t claimed = 0;
  if (absl::Status s = ReadExactly(fd_, &claimed, sizeof(claimed), offsetof(RingHeader, claimed));
      !s.ok()) {
    return s;
  }
  return std::min(claimed, geometry_.lanes);
}

// A pread need not be atomic, so the counter is read until it says the same twice.
absl::StatusOr<uint64_t> MarkerRingReader::ReadHead(uint32_t lane) {
  const off_t offset = LaneOffset(lane) + static_cast<off_t>(offsetof(Lane, head));
  uint64_t before = 0;
  if (absl::Status s = ReadExactly(fd_, &before, sizeof(before), offset); !s.ok()) return s;
  for (int i = 0; i < kSlotTries; ++i) {
    uint64_t now = 0;
    if (absl::Status s = ReadExactly(fd_, &now, sizeof(now), offset); !s.ok()) return s;
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
  absl::Status status = ReadExactly(fd_, out->data() + old_size, to_end * sizeof(Marker),
                                    MarkerOffset(geometry_, lane, index));
  if (status.ok() && count > to_end) {
    status = ReadExactly(fd_, out->data() + old_size + to_end, (count - to_end) * sizeof(Marker),
                         MarkerOffset(geometry_, lane, 0));
  }
  if (!status.ok()) out->resize(old_size);
  for (size_t i = old_size; i < out->size(); ++i) {
    const Marker& m = (*out)[i];
    if (m.begin_ns >= 0 && m.end_ns >= m.begin_ns && m.thread == lane && m.phase < kPhaseLimit &&
        m.reserved == 0) {
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
  return WriteExactly(fd_, pair, sizeof(pair),
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
  if (absl::Status s = ReadExactly(fd_, before.data(), kSlotBytes, offset); !s.ok()) return s;
  for (int i = 0; i < kSlotTries; ++i) {
    std::atomic_thread_fence(std::memory_order_acquire);
    if (absl::Status s = ReadExactly(fd_, now.data(), kSlotBytes, offset); !s.ok()) return s;
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
    absl::Status s = ReadExactly(fd_, &count, sizeof(count), offset);
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
