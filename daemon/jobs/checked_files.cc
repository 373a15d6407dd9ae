#include "daemon/jobs/checked_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "common/sha256.h"
#include "common/unique_fd.h"
#include "daemon/jobs/object_io.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// More than the store keeps files. Objects that were deleted by hand would otherwise add up.
constexpr size_t kMaxKnown = 8192;
// An own change of the metadata may fall into a check; more than one hardly does.
constexpr int kAttempts = 3;

int64_t Nanos(const timespec& time) { return time.tv_sec * kNsPerSecond + time.tv_nsec; }

}  // namespace

std::optional<FileStamp> StampOf(int fd) {
  struct stat info = {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return {};
  return FileStamp{.device = info.st_dev,
                   .inode = info.st_ino,
                   .bytes = static_cast<uint64_t>(info.st_size),
                   .modified_ns = Nanos(info.st_mtim),
                   .changed_ns = Nanos(info.st_ctim)};
}

bool CheckedFiles::Holds(const std::string& object, const FileStamp& now) const {
  absl::MutexLock lock(&mutex_);
  const auto known = stamps_.find(object);
  return known != stamps_.end() && known->second == now;
}

void CheckedFiles::Note(const std::string& object, const FileStamp& stamp) {
  absl::MutexLock lock(&mutex_);
  if (stamps_.size() >= kMaxKnown) stamps_.clear();
  stamps_.insert_or_assign(object, stamp);
}

void CheckedFiles::Forget(const std::string& object) {
  absl::MutexLock lock(&mutex_);
  stamps_.erase(object);
}

int CheckedFiles::Change(const std::string& object, const std::string& path,
                         absl::FunctionRef<int()> change, std::optional<int64_t> modified_ns) {
  // Stays with the file, whatever its name becomes.
  const UniqueFd file(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  absl::MutexLock lock(&mutex_);
  const auto known = stamps_.find(object);
  const std::optional<FileStamp> before = StampOf(file.get());
  const bool trusted = known != stamps_.end() && before && *before == known->second;
  const int result = change();
  const int error = errno;
  if (trusted) {
    const std::optional<FileStamp> after = StampOf(file.get());
    FileStamp expected = *before;
    if (result == 0) expected.modified_ns = modified_ns.value_or(before->modified_ns);
    if (after) expected.changed_ns = after->changed_ns;
    // Otherwise the stamp of before stays, which the file has no more.
    if (after && *after == expected) known->second = expected;
  }
  errno = error;
  return result;
}

absl::Status CheckedFiles::Check(const std::string& object, std::string_view sha256, int fd,
                                 const std::string& path, const std::atomic<bool>* stop,
                                 std::atomic<uint64_t>* hashed) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<FileStamp> before = StampOf(fd);
    if (!before) return absl::DataLossError(fmt::format("{} is no regular file", path));
    if (Holds(object, *before)) return absl::OkStatus();
    Sha256 hash;
    absl::Status read = HashFile(fd, path, before->bytes, &hash, stop);
    if (absl::IsUnavailable(read)) return read;
    if (!read.ok()) return absl::DataLossError(read.message());
    if (hashed != nullptr) *hashed += before->bytes;
    if (hash.Finish() != sha256) {
      return absl::DataLossError(
          fmt::format("{}: its {} bytes do not have the hash of its name: they were changed or "
                      "damaged on the disk",
                      path, before->bytes));
    }
    // Hashing does not see what changed behind its back.
    if (StampOf(fd) != before) continue;
    Note(object, *before);
    return absl::OkStatus();
  }
  return absl::AbortedError(
      fmt::format("{} is changed again and again while it is checked; try again", path));
}

}  // namespace synergy
