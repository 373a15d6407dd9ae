#include "daemon/jobs/object_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/files.h"
#include "daemon/jobs/run_header.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr uint64_t kMaxDefaultQuota = uint64_t{8} << 30;
// Small ones would otherwise take the file system's inodes long before its space.
constexpr size_t kMaxFiles = 4096;
constexpr size_t kMaxOpenParts = 16;
constexpr uint64_t ToMib(uint64_t bytes) { return (bytes + (1u << 20) - 1) >> 20; }

absl::Status SizeDiffers(const v1::ObjectRef& object, uint64_t bytes) {
  return absl::InvalidArgumentError(
      fmt::format("The object {} has {} bytes, not {}: its hash or its size is wrong",
                  ObjectName(object), bytes, object.bytes()));
}

bool HasHash(const std::string& path, uint64_t bytes, const std::string& sha256) {
  const absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  Sha256 hash;
  return fd.ok() && HashFile(fd->get(), path, bytes, &hash, nullptr).ok() &&
         hash.Finish() == sha256;
}

absl::StatusOr<uint64_t> BlockSize(const UniqueFd& file) {
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return FileError("Looking at", "a part of an object", errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError("Taking a part of an object: it is no regular file");
  }
  const auto bytes = static_cast<uint64_t>(info.st_size);
  if (bytes <= kMaxAppendBytes) return bytes;
  return absl::InvalidArgumentError(
      fmt::format("Taking a part of an object: it has {} bytes and at most {} are taken", bytes,
                  kMaxAppendBytes));
}

std::string BootId() {
  const absl::StatusOr<std::string> text = ReadFile("/proc/sys/kernel/random/boot_id", 64);
  // Without one nothing is trusted that was not synced: no name ends with a time of this start.
  if (!text.ok()) return fmt::format("start-{}", WallTimeUnixNs());
  return std::string(absl::StripAsciiWhitespace(*text));
}

}  // namespace

uint64_t DefaultObjectQuota(const std::string& path) {
  struct statvfs disk = {};
  if (statvfs(path.c_str(), &disk) != 0) return kMaxDefaultQuota;
  return std::min(kMaxDefaultQuota, static_cast<uint64_t>(disk.f_blocks) * disk.f_frsize / 4);
}

ObjectStore::ObjectStore(ObjectFolder folder, ObjectStoreOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<ObjectStore>> ObjectStore::Open(const std::string& folder,
                                                               ObjectStoreOptions options) {
  if (options.boot_id.empty()) options.boot_id = BootId();
  absl::StatusOr<ObjectFolder> files = ObjectFolder::Open(folder, options.boot_id);
  if (!files.ok()) return files.status();
  if (options.quota_bytes == 0) options.quota_bytes = DefaultObjectQuota(folder);
  return std::unique_ptr<ObjectStore>(new ObjectStore(*std::move(files), std::move(options)));
}

ObjectState ObjectStore::StoreUse() const {
  ObjectState use = {.store_quota_bytes = options_.quota_bytes};
  for (const ObjectFile& file : folder_.List()) use.store_bytes += file.bytes;
  return use;
}

absl::StatusOr<ObjectState> ObjectStore::QueryUntrusted(const v1::ObjectRef& object) {
  if (object.sha256().empty() && object.bytes() == 0) return StoreUse();
  if (absl::Status status = ValidateObjectUntrusted(object); !status.ok()) return status;
  const std::string name = ObjectName(object);
  if (const std::optional<ObjectFile> whole = folder_.FindWhole(name)) {
    if (whole->bytes == object.bytes()) {
      folder_.Touch(*whole);
      return ObjectState{.complete = true, .bytes = whole->bytes};
    }
    // The hash tells who is wrong about the size, the client or the file.
    if (HasHash(folder_.PathOf(*whole), whole->bytes, object.sha256())) {
      return SizeDiffers(object, whole->bytes);
    }
    if (absl::Status status = folder_.Remove(*whole); !status.ok()) return status;
    spdlog::warn(
        "objects: {} was damaged on the disk ({} bytes of {}): it is deleted, to be sent "
        "again",
        name, whole->bytes, object.bytes());
  }
  struct stat info = {};
  if (stat(folder_.Part(name).c_str(), &info) != 0) return ObjectState{};
  const auto bytes = static_cast<uint64_t>(info.st_size);
  // Longer than the object: an append at 0 throws it away.
  return ObjectState{.complete = false, .bytes = bytes > object.bytes() ? 0 : bytes};
}

absl::StatusOr<ObjectStore::Part*> ObjectStore::OpenPart(const v1::ObjectRef& object,
                                                         const std::atomic<bool>* stop) {
  const std::string name = ObjectName(object);
  struct stat info = {};
  if (const auto known = parts_.find(name); known != parts_.end()) {
    Part& part = known->second;
    // Otherwise it is not the file that was hashed (somebody deleted it), or not of this object.
    if (fstat(part.fd.get(), &info) == 0 && info.st_nlink > 0 &&
        static_cast<uint64_t>(info.st_size) == part.bytes && part.bytes <= object.bytes()) {
      return &part;
    }
    parts_.erase(known);
  }
  const std::string path = folder_.Part(name);
  Part part;
  part.fd.reset(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!part.fd.ok() || fstat(part.fd.get(), &info) != 0) return FileError("Opening", path, errno);
  part.bytes = static_cast<uint64_t>(info.st_size);
  if (part.bytes > object.bytes()) {
    if (ftruncate(part.fd.get(), 0) != 0) return FileError("Truncating", path, errno);
    part.bytes = 0;
  }
  absl::Status hashed = HashFile(part.fd.get(), path, part.bytes, &part.hash, stop);
  if (!hashed.ok()) return hashed;
  if (parts_.size() >= kMaxOpenParts) {
    parts_.erase(std::min_element(parts_.begin(), parts_.end(), [](const auto& a, const auto& b) {
      return a.second.turn < b.second.turn;
    }));
  }
  return &parts_.emplace(name, std::move(part)).first->second;
}

absl::Status ObjectStore::MakeRoom(const v1::ObjectRef& object, uint64_t bytes) {
  std::vector<ObjectFile> files = folder_.List();
  uint64_t used = 0, pinned = 0;
  for (const ObjectFile& file : files) {
    used += file.bytes;
    if (file.pinned) pinned += file.bytes;
  }
  size_t count = files.size();
  std::vector<ObjectFile> evictable =
      Evictable(std::move(files), ObjectName(object), WallTimeUnixNs());
  auto victim = evictable.begin();
  while (true) {
    struct statvfs disk = {};
    if (statvfs(folder_.path().c_str(), &disk) != 0) {
      return FileError("Asking for the free space of", folder_.path(), errno);
    }
    const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
    // All of it must be able to fit one day: said before it is sent.
    const bool fits = used + bytes <= options_.quota_bytes && count <= kMaxFiles &&
                      pinned + object.bytes() <= options_.quota_bytes;
    if (fits && free >= options_.min_free_bytes + bytes) return absl::OkStatus();
    if (victim == evictable.end() || pinned + object.bytes() > options_.quota_bytes) {
      return absl::ResourceExhaustedError(fmt::format(
          "Keeping the object of {} MiB: there are {} objects with {} MiB in {}, {} MiB of them "
          "for "
          "jobs that wait or run, of at most {} MiB (synergyd --object-quota), and {} MiB are free "
          "on the disk; try again when a job has ended, or raise the quota or free some space",
          ToMib(object.bytes()), count, ToMib(used), folder_.path(), ToMib(pinned),
          ToMib(options_.quota_bytes), free >> 20));
    }
    if (absl::Status status = folder_.Remove(*victim); !status.ok()) return status;
    spdlog::info("objects: {} made room ({} MiB)", victim->name, ToMib(victim->bytes));
    used -= victim->bytes;
    --count;
    ++victim;
  }
}

absl::StatusOr<ObjectState> ObjectStore::AppendUntrusted(const v1::ObjectRef& object,
                                                         uint64_t offset, const UniqueFd& file,
                                                         const std::atomic<bool>* stop) {
  if (absl::Status status = ValidateObjectUntrusted(object); !status.ok()) return status;
  const absl::StatusOr<ObjectState> there = QueryUntrusted(object);
  if (!there.ok() || there->complete) return there;
  const absl::StatusOr<uint64_t> size = BlockSize(file);
  if (!size.ok()) return size.status();
  if (object.bytes() > options_.quota_bytes) {  // before a part is made for it
    return absl::ResourceExhaustedError(
        fmt::format("Keeping the object of {} MiB: the board keeps at most {} MiB of objects, so "
                    "it never fits; "
                    "start synergyd with a larger --object-quota",
                    ToMib(object.bytes()), ToMib(options_.quota_bytes)));
  }
  absl::MutexLock lock(&append_mutex_);
  const absl::StatusOr<Part*> opened = OpenPart(object, stop);
  if (!opened.ok()) return opened.status();
  Part& part = **opened;
  part.turn = ++turn_;
  if (offset != part.bytes) {
    return absl::AbortedError(fmt::format(
        "The object {} has {} bytes here, not {}: another upload of it was at work; ask again",
        ObjectName(object), part.bytes, offset));
  }
  if (*size > object.bytes() - offset) {
    return absl::InvalidArgumentError(fmt::format("More came of the object {} than its {} bytes",
                                                  ObjectName(object), object.bytes()));
  }
  if (absl::Status room = MakeRoom(object, *size); !room.ok()) return room;
  if (absl::Status copied = Copy(object, file, *size, &part); !copied.ok()) return copied;
  if (part.bytes < object.bytes()) return ObjectState{.complete = false, .bytes = part.bytes};
  return Complete(object, &part);
}

absl::Status ObjectStore::Copy(const v1::ObjectRef& object, const UniqueFd& file, uint64_t size,
                               Part* part) {
  const std::string name = ObjectName(object);
  const std::string path = folder_.Part(name);
  absl::Status status =
      copier_.Copy(file.get(), size, part->fd.get(), part->bytes, path, &part->hash);
  if (status.ok()) {
    part->bytes += size;
    if (options_.received_bytes != nullptr) *options_.received_bytes += size;
    return status;
  }
  // What was there before this stays. Its hash is gone, and computed anew when more comes.
  if (ftruncate(part->fd.get(), static_cast<off_t>(part->bytes)) != 0) unlink(path.c_str());
  parts_.erase(name);
  return status;
}

absl::StatusOr<ObjectState> ObjectStore::Complete(const v1::ObjectRef& object, Part* part) {
  const std::string name = ObjectName(object);
  const std::string path = folder_.Part(name);
  const std::string hash = part->hash.Finish();
  parts_.erase(name);
  if (hash != object.sha256()) {
    if (unlink(path.c_str()) != 0) return FileError("Deleting", path, errno);
    return absl::DataLossError(fmt::format(
        "The bytes of the object {} are not those of its hash: they were damaged on the way or on "
        "the disk, or changed while they were sent; they were thrown away, send them again",
        name));
  }
  const std::string fresh = folder_.Fresh(name);
  if (rename(path.c_str(), fresh.c_str()) != 0) return FileError("Renaming to", fresh, errno);
  if (const std::optional<ObjectFile> whole = folder_.FindWhole(name)) folder_.Touch(*whole);
  spdlog::info("objects: {} is here ({} MiB)", name, ToMib(object.bytes()));
  return ObjectState{.complete = true, .bytes = object.bytes()};
}

absl::Status ObjectStore::LinkUntrusted(const v1::ObjectRef& object, std::string_view what,
                                        const std::string& path) {
  if (absl::Status status = ValidateObjectUntrusted(object); !status.ok()) return status;
  const std::string name = ObjectName(object);
  // Twice: it may become durable between the look and the link.
  for (int i = 0; i < 2; ++i) {
    const std::optional<ObjectFile> whole = folder_.FindWhole(name);
    if (!whole.has_value()) break;
    if (whole->bytes != object.bytes()) return SizeDiffers(object, whole->bytes);
    folder_.Touch(*whole);
    if (link(folder_.PathOf(*whole).c_str(), path.c_str()) == 0) return absl::OkStatus();
    if (errno != ENOENT) return FileError("Linking the object to", path, errno);
  }
  return absl::NotFoundError(fmt::format(
      "The {} {} of {} bytes are not on the board: upload them first", what, name, object.bytes()));
}

absl::Status ObjectStore::VerifyLink(const v1::ObjectRef& object, const std::string& path) const {
  const absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  if (!fd.ok()) return fd.status();
  struct stat info = {}, kept = {};
  if (fstat(fd->get(), &info) != 0) return FileError("Looking at", path, errno);
  // The same file as one that is known to be whole.
  const std::optional<ObjectFile> whole = folder_.FindWhole(ObjectName(object));
  if (whole.has_value() && stat(folder_.PathOf(*whole).c_str(), &kept) == 0 &&
      kept.st_dev == info.st_dev && kept.st_ino == info.st_ino && whole->bytes == object.bytes()) {
    return absl::OkStatus();
  }
  Sha256 hash;
  const auto bytes = static_cast<uint64_t>(info.st_size);
  if (absl::Status status = HashFile(fd->get(), path, bytes, &hash, nullptr); !status.ok()) {
    return status;
  }
  if (bytes == object.bytes() && hash.Finish() == object.sha256()) return absl::OkStatus();
  return absl::DataLossError(fmt::format("The object {} was damaged", ObjectName(object)));
}

void ObjectStore::Sync(const std::atomic<bool>& stop) {
  for (const ObjectFile& file : folder_.List()) {
    if (file.kind != ObjectFile::Kind::kFresh) continue;
    const std::string path = folder_.PathOf(file);
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.ok()) continue;  // deleted meanwhile
    if (!FlushSlices(fd.get(), file.bytes, stop)) return;
    if (fsync(fd.get()) != 0) {
      spdlog::error("{}; the object is deleted", FileError("Syncing", path, errno).ToString());
      unlink(path.c_str());
      continue;
    }
    const std::string durable = folder_.Durable(file.name.substr(0, 2 * kSha256Bytes));
    const bool renamed = rename(path.c_str(), durable.c_str()) == 0;
    if (!renamed && errno == ENOENT) continue;  // deleted meanwhile
    const absl::Status status =
        renamed ? SyncPath(folder_.path()) : FileError("Renaming to", durable, errno);
    if (!status.ok()) spdlog::error("{}", status.ToString());
  }
}

}  // namespace synergy
