#include "daemon/jobs/object_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/files.h"
#include "daemon/jobs/object_room.h"
#include "daemon/jobs/run_header.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr size_t kMaxOpenParts = 16;

absl::Status SizeDiffers(const v1::ObjectRef& object, uint64_t bytes) {
  return absl::InvalidArgumentError(
      fmt::format("The object {} has {} bytes, not {}: its hash or its size is wrong",
                  ObjectName(object), bytes, object.bytes()));
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

ObjectStore::ObjectStore(ObjectFolder folder, ObjectStoreOptions options)
    : folder_(std::move(folder)),
      options_(std::move(options)),
      quota_bytes_(options_.quota_bytes) {}

absl::StatusOr<std::unique_ptr<ObjectStore>> ObjectStore::Open(const std::string& folder,
                                                               ObjectStoreOptions options) {
  if (options.boot_id.empty()) options.boot_id = BootId();
  absl::StatusOr<ObjectFolder> files = ObjectFolder::Open(folder, options.boot_id);
  if (!files.ok()) return files.status();
  if (options.quota_bytes == 0) options.quota_bytes = DefaultObjectQuota(folder);
  return std::unique_ptr<ObjectStore>(new ObjectStore(*std::move(files), std::move(options)));
}

ObjectState ObjectStore::StoreUse() const {
  ObjectState use = {.store_quota_bytes = quota_bytes_};
  for (const ObjectFile& file : folder_.List()) use.store_bytes += file.bytes;
  return use;
}

absl::Status ObjectStore::CheckWhole(const v1::ObjectRef& object, const ObjectFile& whole,
                                     const std::atomic<bool>* stop) {
  const std::string name = ObjectName(object);
  const std::string path = folder_.PathOf(whole);
  const absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  if (!fd.ok()) return fd.status();
  absl::Status checked = folder_.checked().Check(name, object.sha256(), fd->get(), path, stop,
                                                 options_.received_bytes);
  if (absl::IsDataLoss(checked)) return Discard(whole, fd->get(), checked);
  // The hash tells who is wrong about the size, the client or the file.
  if (checked.ok() && whole.bytes != object.bytes()) return SizeDiffers(object, whole.bytes);
  return checked;
}

absl::Status ObjectStore::Discard(const ObjectFile& whole, int fd, const absl::Status& why) {
  struct stat checked = {}, there = {};
  // Meanwhile another file may have taken its name.
  if (fstat(fd, &checked) != 0 || lstat(folder_.PathOf(whole).c_str(), &there) != 0 ||
      checked.st_ino != there.st_ino || checked.st_dev != there.st_dev) {
    return why;
  }
  if (absl::Status removed = folder_.Remove(whole); !removed.ok()) return removed;
  spdlog::warn("objects: {}; it is deleted, to be sent again", std::string(why.message()));
  return why;
}

absl::StatusOr<ObjectState> ObjectStore::QueryUntrusted(const v1::ObjectRef& object,
                                                        const std::atomic<bool>* stop) {
  if (object.sha256().empty() && object.bytes() == 0) return StoreUse();
  if (absl::Status status = ValidateObjectUntrusted(object); !status.ok()) return status;
  const std::string name = ObjectName(object);
  ObjectState state;
  if (const std::optional<ObjectFile> whole = folder_.FindWhole(name)) {
    const absl::Status checked = CheckWhole(object, *whole, stop);
    if (checked.ok()) {
      folder_.Touch(*whole);
      return ObjectState{.complete = true, .bytes = whole->bytes};
    }
    state.damaged = absl::IsDataLoss(checked);
    if (!state.damaged && !absl::IsNotFound(checked)) return checked;  // not deleted meanwhile
  }
  struct stat info = {};
  if (stat(folder_.Part(name).c_str(), &info) != 0) return state;
  const auto bytes = static_cast<uint64_t>(info.st_size);
  // Longer than the object: an append at 0 throws it away.
  state.bytes = bytes > object.bytes() ? 0 : bytes;
  return state;
}

absl::StatusOr<ObjectStore::Part*> ObjectStore::OpenPart(const v1::ObjectRef& object,
                                                         const std::atomic<bool>* stop) {
  const std::string name = ObjectName(object);
  struct stat info = {};
  if (const auto known = parts_.find(name); known != parts_.end()) {
    Part& part = known->second;
    // Otherwise it is not what was hashed (somebody deleted or changed it), or not of this object.
    if (fstat(part.fd.get(), &info) == 0 && info.st_nlink > 0 &&
        StampOf(part.fd.get()) == part.hashed && part.bytes <= object.bytes()) {
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
  part.hashed = StampOf(part.fd.get());
  absl::Status hashed = HashFile(part.fd.get(), path, part.bytes, &part.hash, stop);
  if (!hashed.ok()) return hashed;
  if (parts_.size() >= kMaxOpenParts) {
    parts_.erase(std::min_element(parts_.begin(), parts_.end(), [](const auto& a, const auto& b) {
      return a.second.turn < b.second.turn;
    }));
  }
  return &parts_.emplace(name, std::move(part)).first->second;
}

void ObjectStore::DropPart(const std::string& name) {
  parts_.erase(name);
  unlink(folder_.Part(name).c_str());
}

absl::StatusOr<ObjectState> ObjectStore::AppendUntrusted(const v1::ObjectRef& object,
                                                         uint64_t offset, const UniqueFd& file,
                                                         const std::atomic<bool>* stop) {
  if (absl::Status status = ValidateObjectUntrusted(object); !status.ok()) return status;
  const absl::StatusOr<ObjectState> there = QueryUntrusted(object, stop);
  if (!there.ok() || there->complete) return there;
  const absl::StatusOr<uint64_t> size = BlockSize(file);
  if (!size.ok()) return size.status();
  const uint64_t quota_bytes = quota_bytes_;
  if (object.bytes() > quota_bytes) {  // before a part is made for it
    return absl::ResourceExhaustedError(
        fmt::format("Keeping the object of {} MiB: the board keeps at most {} MiB of objects, so "
                    "it never fits; start synergyd with a larger --object-quota, or have an admin "
                    "raise it by synergyctl quota --objects",
                    ToMib(object.bytes()), ToMib(quota_bytes)));
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
  const RoomLimits limits{quota_bytes, options_.min_free_bytes};
  if (absl::Status room = MakeRoom(folder_, limits, object, *size); !room.ok()) {
    if (part.bytes == 0) DropPart(ObjectName(object));
    return room;
  }
  if (absl::Status copied = Copy(object, file, *size, &part); !copied.ok()) return copied;
  part.hashed = StampOf(part.fd.get());
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
  const std::optional<FileStamp> hashed = part->hashed;
  parts_.erase(name);
  if (hash != object.sha256()) {
    if (unlink(path.c_str()) != 0) return FileError("Deleting", path, errno);
    return absl::DataLossError(fmt::format(
        "The bytes of the object {} are not those of its hash: they were damaged on the way or on "
        "the disk, or changed while they were sent; they were thrown away, send them again",
        name));
  }
  const std::string fresh = folder_.Fresh(name);
  if (hashed) folder_.checked().Note(name, *hashed);
  if (folder_.Rename(name, path, fresh) != 0) return FileError("Renaming to", fresh, errno);
  if (const std::optional<ObjectFile> whole = folder_.FindWhole(name)) folder_.Touch(*whole);
  spdlog::info("objects: {} is here ({} MiB)", name, ToMib(object.bytes()));
  return ObjectState{.complete = true, .bytes = object.bytes()};
}

absl::Status ObjectStore::LinkUntrusted(const v1::ObjectRef& object, std::string_view what,
                                        const std::string& path, const std::atomic<bool>* stop) {
  if (absl::Status status = ValidateObjectUntrusted(object); !status.ok()) return status;
  const std::string name = ObjectName(object);
  // Twice: it may become durable between the look and the link.
  for (int i = 0; i < 2; ++i) {
    const std::optional<ObjectFile> whole = folder_.FindWhole(name);
    if (!whole.has_value()) break;
    const absl::Status checked = CheckWhole(object, *whole, stop);
    if (absl::IsDataLoss(checked)) {
      return absl::NotFoundError(fmt::format(
          "The {} {} were changed or damaged on the board's disk and are deleted there: "
          "upload them again",
          what, name));
    }
    if (absl::IsNotFound(checked)) continue;
    if (!checked.ok()) return checked;
    folder_.Touch(*whole);
    if (folder_.Link(name, folder_.PathOf(*whole), path) == 0) return absl::OkStatus();
    if (errno != ENOENT) return FileError("Linking the object to", path, errno);
  }
  return absl::NotFoundError(fmt::format(
      "The {} {} of {} bytes are not on the board: upload them first", what, name, object.bytes()));
}

absl::Status ObjectStore::VerifyLink(const v1::ObjectRef& object, std::string_view what,
                                     const std::string& path, const std::atomic<bool>* stop) {
  const std::string name = ObjectName(object);
  const absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  absl::Status checked = fd.status();
  if (fd.ok()) {
    checked = folder_.checked().Check(name, object.sha256(), fd->get(), path, stop,
                                      options_.received_bytes);
  }
  if (!absl::IsDataLoss(checked) && !absl::IsNotFound(checked)) return checked;
  const std::optional<ObjectFile> whole = folder_.FindWhole(name);
  if (fd.ok() && whole) Discard(*whole, fd->get(), checked).IgnoreError();  // the next use tells
  return absl::DataLossError(
      fmt::format("The {} were lost, changed or damaged on the board's disk after the job had been "
                  "submitted ({}): submit it again, which sends them anew",
                  what, std::string(checked.message())));
}

void ObjectStore::Unlink(const v1::ObjectRef& object, const std::string& path) {
  if (folder_.Unlink(ObjectName(object), path) != 0 && errno != ENOENT) {
    spdlog::warn("{}", FileError("Deleting", path, errno).ToString());
  }
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
    const std::string name = file.name.substr(0, 2 * kSha256Bytes);
    const std::string durable = folder_.Durable(name);
    const bool renamed = folder_.Rename(name, path, durable) == 0;
    if (!renamed && errno == ENOENT) continue;  // deleted meanwhile
    const absl::Status status =
        renamed ? SyncPath(folder_.path()) : FileError("Renaming to", durable, errno);
    if (!status.ok()) spdlog::error("{}", status.ToString());
  }
}

}  // namespace synergy
