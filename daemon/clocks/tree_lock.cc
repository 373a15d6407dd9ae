#include "daemon/clocks/tree_lock.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "common/files.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxBytes = 16 << 10;  // of a claim: a path is 4 KiB at most

// What the last one has noted; empty where nobody has.
struct Claimed {
  std::string process, boot_id, journal;
};

Claimed ReadClaim(const std::string& path) {
  Claimed claimed;
  std::istringstream text(ReadFile(path, kMaxBytes).value_or(""));
  std::getline(text, claimed.process);
  std::getline(text, claimed.boot_id);
  std::getline(text, claimed.journal);
  return claimed;
}

std::string NameOf(const std::string& journal) {
  const std::string file = journal.substr(journal.rfind('/') + 1);
  return file.substr(0, file.find('.'));
}

}  // namespace

absl::StatusOr<TreeLock> TreeLock::Take(TreeLockOptions options) {
  struct stat root = {};
  if (stat(options.root.c_str(), &root) != 0) return FileError("Looking at", options.root, errno);
  if (absl::Status made = MakeFolder(options.folder, 0755); !made.ok()) return made;
  struct stat folder = {};
  if (lstat(options.folder.c_str(), &folder) != 0) {
    return FileError("Looking at", options.folder, errno);
  }
  if (!S_ISDIR(folder.st_mode) || folder.st_uid != geteuid() ||
      (folder.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("The folder of locks {} must be one of user {} that nobody else may write",
                    options.folder, geteuid()));
  }
  std::error_code error;  // then it stays as it was given
  const auto journal = std::filesystem::weakly_canonical(options.journal, error);
  if (!error) options.journal = journal;
  const std::string path = fmt::format("{}/{}-{:x}-{:x}.lock", options.folder,
                                       NameOf(options.journal), root.st_dev, root.st_ino);
  absl::StatusOr<std::optional<FileLock>> lock = FileLock::TryTake(path);
  if (!lock.ok()) return lock.status();
  if (!lock->has_value()) {
    const Claimed by = ReadClaim(path);
    return absl::FailedPreconditionError(fmt::format(
        "The {} of {} are held by another synergyd{}: wait until its lease ends, or stop it",
        NameOf(options.journal), options.root,
        by.process.empty() ? std::string()
                           : fmt::format(" (process {}, journal {})", by.process, by.journal)));
  }
  return TreeLock(std::move(options), path, **std::move(lock));
}

absl::Status TreeLock::Claim() {
  const Claimed last = ReadClaim(path_);
  if (last.boot_id == options_.boot_id && last.journal != options_.journal &&
      !last.journal.empty() && access(last.journal.c_str(), F_OK) == 0) {
    return absl::FailedPreconditionError(fmt::format(
        "A lease of another state folder has left {} as it had set {}: put that back first, by "
        "`synergyd --restore` with that --state, or by starting its synergyd",
        last.journal, options_.root));
  }
  const std::string claim =
      fmt::format("{}\n{}\n{}\n", getpid(), options_.boot_id, options_.journal);
  if (ftruncate(lock_.fd(), 0) != 0) return FileError("Writing", path_, errno);
  if (lseek(lock_.fd(), 0, SEEK_SET) != 0) return FileError("Writing", path_, errno);
  return WriteAll(lock_.fd(), claim, path_);
}

}  // namespace synergy
