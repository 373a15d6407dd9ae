// What is known of the object store's files: that their contents had the hash of their name when
// their metadata was such.
//
// Caught: every change of a file through the file system, by whatever program, the device's
// administrator's too: it moves the file's size, mtime or ctime, and the contents are hashed again
// before they are trusted. That holds for a change that puts the mtime back as well, unless it
// falls into the same tick of the kernel's clock (some milliseconds) as an own change of the
// metadata. Not caught: what changes the bytes below the file system and leaves the metadata alone
// (a medium that returns other bytes without an error, writing to the block device). Nothing is
// known when the daemon starts, so that each object is hashed again before its first use after
// that.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace synergy {

// What the kernel changes when somebody changes a file. Times since 1970.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t bytes = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
// Nothing: `fd` is no regular file.
std::optional<FileStamp> StampOf(int fd);

// Thread-safe. `object` is always the hash in hex.
class CheckedFiles {
 public:
  bool Holds(const std::string& object, const FileStamp& now) const;
  void Note(const std::string& object, const FileStamp& stamp);
  void Forget(const std::string& object);
  // Runs `change`, an own change of the metadata of the object's file at `path` that leaves the
  // contents alone: another name for it, one name less, or the mtime `modified_ns`. What was known
  // stays known, unless something else moved as well. Returns, with errno, what `change` does.
  int Change(const std::string& object, const std::string& path, absl::FunctionRef<int()> change,
             std::optional<int64_t> modified_ns = {});

  // OK: the file, open as `fd`, has the contents `sha256`; they are hashed where that is not known.
  // `hashed` (may be null) counts their bytes. DataLoss: it has not, or cannot be read, and why.
  // Unavailable: `stop` (may be null) became true. Aborted: somebody goes on changing the file.
  absl::Status Check(const std::string& object, std::string_view sha256, int fd,
                     const std::string& path, const std::atomic<bool>* stop,
                     std::atomic<uint64_t>* hashed);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, FileStamp> stamps_ ABSL_GUARDED_BY(mutex_);  // by object
};

}  // namespace synergy
