#include "daemon/jobs/object_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/files.h"
#include "common/sha256.h"
#include "daemon/jobs/run_header.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kAbandonedNs = 3600 * kNsPerSecond;
constexpr int64_t kIdleNs = 60 * kNsPerSecond;
constexpr size_t kNameBytes = 2 * kSha256Bytes;

bool IsObjectName(const std::string& text) {
  return text.size() == kNameBytes &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string ObjectName(const v1::ObjectRef& object) {
  return absl::BytesToHexString(object.sha256());
}

ObjectFolder::ObjectFolder(std::string path, std::string boot_id)
    : path_(std::move(path)),
      boot_id_(std::move(boot_id)),
      clock_(std::make_unique<UseClock>()),
      checked_(std::make_unique<CheckedFiles>()) {}

std::string ObjectFolder::Fresh(const std::string& object) const {
  return path_ + "/" + object + "." + boot_id_;
}

absl::StatusOr<ObjectFolder> ObjectFolder::Open(std::string path, std::string boot_id) {
  if (absl::Status status = MakeFolder(path, 0700); !status.ok()) return status;
  ObjectFolder folder(std::move(path), std::move(boot_id));
  std::vector<std::string> unsynced;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder.path_, error)) {
    const std::string name = entry.path().filename();
    if (name.size() <= kNameBytes || !IsObjectName(name.substr(0, kNameBytes))) continue;
    const std::string end = name.substr(kNameBytes);
    if (end != ".part" && end != "." + folder.boot_id_) unsynced.push_back(name);
  }
  for (const std::string& name : unsynced) {
    const std::string from = folder.path_ + "/" + name;
    const std::string part = folder.Part(name.substr(0, kNameBytes));
    if (rename(from.c_str(), part.c_str()) != 0) return FileError("Renaming", from, errno);
  }
  int64_t newest = 0;
  for (const ObjectFile& file : folder.List()) newest = std::max(newest, file.used_unix_ns);
  absl::MutexLock lock(&folder.clock_->mutex);
  folder.clock_->last_unix_ns = newest;
  return folder;
}

std::optional<ObjectFile> ObjectFolder::Look(const std::string& name, ObjectFile::Kind kind) const {
  struct stat info = {};
  if (lstat((path_ + "/" + name).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  return ObjectFile{.name = name,
                    .kind = kind,
                    .bytes = static_cast<uint64_t>(info.st_size),
                    .used_unix_ns = info.st_mtim.tv_sec * kNsPerSecond + info.st_mtim.tv_nsec,
                    .pinned = info.st_nlink > 1};
}

std::vector<ObjectFile> ObjectFolder::List() const {
  std::vector<ObjectFile> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename();
    if (name.size() < kNameBytes || !IsObjectName(name.substr(0, kNameBytes))) continue;
    const std::string end = name.substr(kNameBytes);
    ObjectFile::Kind kind = ObjectFile::Kind::kDurable;
    if (end == ".part") {
      kind = ObjectFile::Kind::kPart;
    } else if (!end.empty()) {
      kind = ObjectFile::Kind::kFresh;
    }
    if (std::optional<ObjectFile> file = Look(name, kind)) files.push_back(*std::move(file));
  }
  if (error) spdlog::error("Looking through {}: {}", path_, error.message());
  return files;
}

std::optional<ObjectFile> ObjectFolder::FindWhole(const std::string& object) const {
  // Twice: it may become durable between the looks.
  for (int i = 0; i < 2; ++i) {
    if (auto file = Look(object, ObjectFile::Kind::kDurable)) return file;
    if (auto file = Look(object + "." + boot_id_, ObjectFile::Kind::kFresh)) return file;
  }
  return {};
}

void ObjectFolder::Touch(const ObjectFile& file) {
  int64_t stamp = 0;
  {
    absl::MutexLock lock(&clock_->mutex);
    stamp = std::max(WallTimeUnixNs(), clock_->last_unix_ns + 1);
    clock_->last_unix_ns = stamp;
  }
  const timespec used{.tv_sec = stamp / kNsPerSecond, .tv_nsec = stamp % kNsPerSecond};
  const timespec times[2] = {used, used};
  const std::string path = PathOf(file);
  const auto touch = [&] { return utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW); };
  if (checked_->Change(file.name.substr(0, kNameBytes), path, touch, stamp) != 0 &&
      errno != ENOENT) {
    spdlog::warn("{}", FileError("Noting the use of", PathOf(file), errno).ToString());
  }
}

int ObjectFolder::Link(const std::string& object, const std::string& from, const std::string& to) {
  return checked_->Change(object, from, [&] { return link(from.c_str(), to.c_str()); });
}

int ObjectFolder::Unlink(const std::string& object, const std::string& path) {
  return checked_->Change(object, path, [&] { return unlink(path.c_str()); });
}

int ObjectFolder::Rename(const std::string& object, const std::string& from,
                         const std::string& to) {
  return checked_->Change(object, from, [&] { return rename(from.c_str(), to.c_str()); });
}

absl::Status ObjectFolder::Remove(const ObjectFile& file) const {
  if (file.kind != ObjectFile::Kind::kPart) checked_->Forget(file.name.substr(0, kNameBytes));
  if (unlink(PathOf(file).c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return FileError("Deleting", PathOf(file), errno);
}

std::vector<ObjectFile> Evictable(std::vector<ObjectFile> files, const std::string& keep,
                                  int64_t now_unix_ns) {
  const auto rank = [now_unix_ns](const ObjectFile& file) {
    if (file.kind != ObjectFile::Kind::kPart) return 1;
    return now_unix_ns - file.used_unix_ns > kAbandonedNs ? 0 : 2;
  };
  std::erase_if(files, [&](const ObjectFile& file) {
    const bool written =
        file.kind == ObjectFile::Kind::kPart && now_unix_ns - file.used_unix_ns < kIdleNs;
    return file.pinned || written || file.name.starts_with(keep);
  });
  std::sort(files.begin(), files.end(), [&](const ObjectFile& a, const ObjectFile& b) {
    return std::tuple(rank(a), a.used_unix_ns) < std::tuple(rank(b), b.used_unix_ns);
  });
  return files;
}

}  // namespace synergy
