#include "common/telemetry_ring.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/unique_fd.h"

namespace synergy {
namespace {

constexpr uint32_t kMagic = 0x544E5953;  // "SYNT"
constexpr size_t kNameBytes = 32;
constexpr size_t kWords = sizeof(TelemetryRecord) / sizeof(uint64_t);

struct TelemetryHeader {
  uint32_t magic;
  uint32_t version;
  uint64_t slots;
  uint64_t record_bytes;
  uint32_t rail_count;
  uint32_t reserved;
  char rails[kMaxTelemetryRails][kNameBytes];  // NUL-terminated
  alignas(64) std::atomic<uint64_t> head;      // records written
};

struct alignas(64) Slot {
  std::atomic<uint64_t> version;
  std::array<std::atomic<uint64_t>, kWords> words;
};

struct Ring {
  TelemetryHeader header;
  std::array<Slot, kTelemetrySlots> slots;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

absl::Status Failure(const char* what, int error) {
  const std::string text = fmt::format("telemetry ring: {}: {}", what, std::strerror(error));
  return error == ENOSPC || error == ENOMEM
             ? absl::ResourceExhaustedError(text + "; free memory or space in /dev/shm")
             : absl::InternalError(text);
}

UniqueFd CreateFile() {
  UniqueFd fd(memfd_create("synergy-telemetry", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.ok() || errno != ENOSYS) return fd;
  // Before Linux 3.17: an unlinked file. It cannot be sealed, but readers cannot write it either.
  char path[] = "/dev/shm/synergy-telemetry-XXXXXX";
  fd.reset(mkostemp(path, O_CLOEXEC));
  if (fd.ok()) unlink(path);
  return fd;
}

void Unmap(const void* base) {
  if (base != nullptr) munmap(const_cast<void*>(base), sizeof(Ring));
}

bool IsRing(const TelemetryHeader& header) {
  return header.magic == kMagic && header.version == kTelemetryVersion &&
         header.slots == kTelemetrySlots && header.record_bytes == sizeof(TelemetryRecord) &&
         header.rail_count <= kMaxTelemetryRails;
}

// False where the slot no longer holds record `position`, or was overwritten meanwhile. The loads
// of the words are acquire: whoever sees a word of a newer record sees the version that announced
// it.
bool CopyRecord(const Slot& slot, uint64_t position, TelemetryRecord* out) {
  const uint64_t whole = 2 * position + 2;
  if (slot.version.load(std::memory_order_acquire) != whole) return false;
  std::array<uint64_t, kWords> words;
  for (size_t i = 0; i < kWords; ++i) words[i] = slot.words[i].load(std::memory_order_acquire);
  if (slot.version.load(std::memory_order_relaxed) != whole) return false;
  std::memcpy(static_cast<void*>(out), words.data(), sizeof(*out));
  out->run_id[sizeof(out->run_id) - 1] = '\0';
  out->rail_count = std::min(out->rail_count, kMaxTelemetryRails);
  return true;
}

}  // namespace

absl::StatusOr<TelemetryRingWriter> TelemetryRingWriter::Create(
    const std::vector<std::string>& rails) {
  if (rails.size() > kMaxTelemetryRails) {
    return absl::InvalidArgumentError(fmt::format("telemetry ring: {} rails, at most {} have room",
                                                  rails.size(), kMaxTelemetryRails));
  }
  for (const std::string& rail : rails) {
    if (rail.size() >= kNameBytes) {
      return absl::InvalidArgumentError(fmt::format(
          "telemetry ring: the rail's name {} is longer than {} bytes", rail, kNameBytes - 1));
    }
  }
  const UniqueFd fd = CreateFile();
  if (!fd.ok()) return Failure("creating its file", errno);
  // Every page now: no store can meet a full tmpfs later.
  if (ftruncate(fd.get(), sizeof(Ring)) != 0) return Failure("ftruncate", errno);
  if (fallocate(fd.get(), 0, 0, sizeof(Ring)) != 0) return Failure("fallocate", errno);
  void* base = mmap(nullptr, sizeof(Ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) return Failure("mmap", errno);
  // Who is handed the read-only descriptor could open its file anew, for writing, where the mode
  // let him (another user) or could be changed (the same one; seal since Linux 5.1).
  if (fchmod(fd.get(), 0400) != 0) {
    absl::Status status = Failure("fchmod", errno);
    Unmap(base);
    return status;
  }
#ifdef F_SEAL_FUTURE_WRITE
  fcntl(fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
#endif
  fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  UniqueFd read_only(open(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!read_only.ok()) {
    absl::Status status = Failure("opening it read-only", errno);
    Unmap(base);
    return status;
  }
  TelemetryHeader& header = static_cast<Ring*>(base)->header;  // zeroes so far
  header.version = kTelemetryVersion;
  header.slots = kTelemetrySlots;
  header.record_bytes = sizeof(TelemetryRecord);
  header.rail_count = static_cast<uint32_t>(rails.size());
  for (size_t i = 0; i < rails.size(); ++i) {
    std::memcpy(header.rails[i], rails[i].data(), rails[i].size());
  }
  header.magic = kMagic;
  return TelemetryRingWriter(base, std::move(read_only));
}

TelemetryRingWriter::TelemetryRingWriter(TelemetryRingWriter&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      read_only_fd_(std::move(other.read_only_fd_)),
      next_(other.next_) {}

TelemetryRingWriter& TelemetryRingWriter::operator=(TelemetryRingWriter&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(read_only_fd_, other.read_only_fd_);
  std::swap(next_, other.next_);
  return *this;
}

TelemetryRingWriter::~TelemetryRingWriter() { Unmap(base_); }

void TelemetryRingWriter::Write(const TelemetryRecord& record) {
  std::array<uint64_t, kWords> words;
  std::memcpy(words.data(), &record, sizeof(record));
  Ring& ring = *static_cast<Ring*>(base_);
  Slot& slot = ring.slots[next_ % kTelemetrySlots];
  slot.version.store(2 * next_ + 1, std::memory_order_relaxed);
  // Release: whoever sees one of these words sees the odd version above too.
  for (size_t i = 0; i < kWords; ++i) slot.words[i].store(words[i], std::memory_order_release);
  slot.version.store(2 * next_ + 2, std::memory_order_release);
  ring.header.head.store(++next_, std::memory_order_release);
}

absl::StatusOr<TelemetryRingReader> TelemetryRingReader::Map(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return Failure("fstat", errno);
  if (file.st_size != sizeof(Ring)) {
    return absl::DataLossError(fmt::format(
        "descriptor {} holds {} bytes, which is no telemetry ring of version {}; synergyd and "
        "synergyd-front must be of one version",
        fd, file.st_size, kTelemetryVersion));
  }
  const void* base = mmap(nullptr, sizeof(Ring), PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return Failure("mmap", errno);
  TelemetryRingReader reader(base, {});
  const TelemetryHeader& header = static_cast<const Ring*>(base)->header;
  if (!IsRing(header)) {
    return absl::DataLossError(
        fmt::format("descriptor {} holds no telemetry ring of version {}; synergyd and "
                    "synergyd-front must be of one version",
                    fd, kTelemetryVersion));
  }
  for (uint32_t i = 0; i < header.rail_count; ++i) {
    reader.rails_.emplace_back(header.rails[i], strnlen(header.rails[i], kNameBytes));
  }
  return reader;
}

TelemetryRingReader::TelemetryRingReader(TelemetryRingReader&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), rails_(std::move(other.rails_)) {}

TelemetryRingReader& TelemetryRingReader::operator=(TelemetryRingReader&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(rails_, other.rails_);
  return *this;
}

TelemetryRingReader::~TelemetryRingReader() { Unmap(base_); }

uint64_t TelemetryRingReader::head() const {
  return static_cast<const Ring*>(base_)->header.head.load(std::memory_order_acquire);
}

void TelemetryRingReader::Read(uint64_t* position, size_t limit, std::vector<TelemetryRecord>* out,
                               uint64_t* lost) const {
  const Ring& ring = *static_cast<const Ring*>(base_);
  const uint64_t end = head();
  *position = std::min(*position, end);
  if (end - *position > kTelemetrySlots) {
    *lost += end - *position - kTelemetrySlots;
    *position = end - kTelemetrySlots;
  }
  for (; *position < end && limit > 0; ++*position) {
    TelemetryRecord record;
    if (CopyRecord(ring.slots[*position % kTelemetrySlots], *position, &record)) {
      out->push_back(record);
      --limit;
    } else {
      ++*lost;
    }
  }
}

}  // namespace synergy
