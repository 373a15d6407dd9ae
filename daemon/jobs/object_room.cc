#include "daemon/jobs/object_room.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "common/files.h"
#include "daemon/jobs/run_header.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr uint64_t kMaxDefaultQuota = uint64_t{8} << 30;
// Small ones would otherwise take the file system's inodes long before its space.
constexpr size_t kMaxFiles = 4096;

}  // namespace

uint64_t DefaultObjectQuota(const std::string& path) {
  struct statvfs disk = {};
  if (statvfs(path.c_str(), &disk) != 0) return kMaxDefaultQuota;
  return std::min(kMaxDefaultQuota, static_cast<uint64_t>(disk.f_blocks) * disk.f_frsize / 4);
}

absl::Status MakeRoom(const ObjectFolder& folder, const RoomLimits& limits,
                      const v1::ObjectRef& object, uint64_t bytes) {
  std::vector<ObjectFile> files = folder.List();
  uint64_t used = 0, pinned = 0, here = 0;
  for (const ObjectFile& file : files) {
    used += file.bytes;
    if (file.pinned) pinned += file.bytes;
    if (folder.path() + "/" + file.name == folder.Part(ObjectName(object))) here = file.bytes;
  }
  size_t count = files.size();
  std::vector<ObjectFile> evictable =
      Evictable(std::move(files), ObjectName(object), WallTimeUnixNs());
  uint64_t can_go = 0;
  for (const ObjectFile& file : evictable) can_go += file.bytes;
  auto victim = evictable.begin();
  while (true) {
    struct statvfs disk = {};
    if (statvfs(folder.path().c_str(), &disk) != 0) {
      return FileError("Asking for the free space of", folder.path(), errno);
    }
    const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
    // All of it must be able to fit: said before it is sent, and before anything goes for it.
    const bool can_fit = pinned + object.bytes() <= limits.quota_bytes &&
                         free + can_go >= limits.min_free_bytes + object.bytes() - here;
    const bool fits = used + bytes <= limits.quota_bytes && count <= kMaxFiles &&
                      free >= limits.min_free_bytes + bytes;
    if (can_fit && fits) return absl::OkStatus();
    if (!can_fit || victim == evictable.end()) {
      return absl::ResourceExhaustedError(fmt::format(
          "Keeping the object of {} MiB: there are {} objects with {} MiB in {}, {} MiB of them "
          "for jobs that wait or run, of at most {} MiB (synergyctl quota, synergyd "
          "--object-quota), and {} MiB are "
          "free on the disk, of which {} MiB must stay so; try again when a job has ended, or "
          "raise "
          "the quota or free some space",
          ToMib(object.bytes()), count, ToMib(used), folder.path(), ToMib(pinned),
          ToMib(limits.quota_bytes), free >> 20, ToMib(limits.min_free_bytes)));
    }
    if (absl::Status status = folder.Remove(*victim); !status.ok()) return status;
    spdlog::info("objects: {} made room ({} MiB)", victim->name, ToMib(victim->bytes));
    used -= victim->bytes;
    can_go -= victim->bytes;
    --count;
    ++victim;
  }
}

}  // namespace synergy
