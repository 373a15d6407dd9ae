#include "common/marker_ring.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "common/marker_ring_file.h"
#include "fmt/format.h"

namespace synergy {
namespace {

static_assert(std::atomic<uint64_t>::is_always_lock_free &&
              std::atomic<uint32_t>::is_always_lock_free &&
              std::atomic<int64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint64_t>) == 8 && sizeof(std::atomic<uint32_t>) == 4);

// fallocate gives every page now, so that no store of the engine can meet a full tmpfs (SIGBUS).
absl::Status Initialise(int fd, const RingGeometry& geometry) {
  if (ftruncate(fd, static_cast<off_t>(geometry.bytes())) != 0)
    return RingFailure("ftruncate", errno);
  if (fallocate(fd, 0, 0, static_cast<off_t>(geometry.bytes())) != 0) {
    return RingFailure("fallocate", errno);
  }
  RingHeader header{};
  header.magic = kMarkerRingMagic;
  header.version = kMarkerRingVersion;
  header.lanes = geometry.lanes;
  header.capacity = geometry.capacity;
  if (absl::Status s = WriteRing(fd, &header, sizeof(header), 0); !s.ok()) return s;
  Lane lane{};
  lane.tail_complement = ~uint64_t{0};
  lane.slot_op = kOpNone;
  for (uint32_t i = 0; i < geometry.lanes; ++i) {
    if (absl::Status s = WriteRing(fd, &lane, sizeof(lane), LaneOffset(i)); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckTmpfs(int fd, const std::string& folder) {
  struct statfs fs {};
  if (fstatfs(fd, &fs) != 0) return RingFailure("fstatfs", errno);
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
  if (fd < 0) return RingFailure("memfd_create", errno);
  absl::Status status = Initialise(fd, geometry);
  if (status.ok() && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    status = RingFailure("F_ADD_SEALS", errno);
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
  if (fd < 0) return RingFailure(("creating " + path).c_str(), errno);
  unlink(path.c_str());
  absl::Status status = CheckTmpfs(fd, folder);
  if (status.ok()) status = Initialise(fd, geometry);
  if (status.ok()) return fd;
  close(fd);
  return status;
}

}  // namespace synergy
