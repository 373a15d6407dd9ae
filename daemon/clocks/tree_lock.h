// Who may change a tree of the kernel's attributes: one synergyd of the machine at a time, whatever
// state folder it has. Two would each take the other's values for the originals.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_lock.h"

namespace synergy {

struct TreeLockOptions {
  std::string folder;   // of locks, made where it is not there; of this user alone
  std::string root;     // of the tree: its device and inode count, not its name
  std::string journal;  // of who locks it: one lock for each name of journals ("clocks", "sensors")
  std::string boot_id;
};

// Held until this object's end or its process's. Thread-compatible.
class TreeLock {
 public:
  // FailedPrecondition: another one holds it, who is said.
  static absl::StatusOr<TreeLock> Take(TreeLockOptions options);

  // Notes that the tree is changed from now on, and which journal puts it back. FailedPrecondition:
  // the last one to do so is gone, and has left its journal.
  absl::Status Claim();

 private:
  TreeLock(TreeLockOptions options, std::string path, FileLock lock)
      : options_(std::move(options)), path_(std::move(path)), lock_(std::move(lock)) {}

  TreeLockOptions options_;
  std::string path_;
  FileLock lock_;
};

}  // namespace synergy
