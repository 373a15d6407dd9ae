// What clients have sent once and jobs use again: weights and input values, kept under the SHA-256
// of their contents (object_folder.h) as long as the quota allows.
//
// Nothing is on the disk when an object is whole: a job may be measuring meanwhile. Sync() is
// called when none does, at the latest before the job runs that needs the object. A crash of the
// machine in between costs the bytes that were not on the disk, and never leaves a wrong object:
// until it is durable it stands under a name that only the present boot trusts.
//
// A whole object is what its hash says whenever a client is told that it is there and whenever a
// job begins to use it: its metadata tell whether it must be hashed again (checked_files.h says
// what that catches and what not). One that is not is deleted. What is changed while a job reads it
// is not noticed.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/sha256.h"
#include "common/spec_validation.h"
#include "common/unique_fd.h"
#include "daemon/jobs/object_folder.h"
#include "daemon/jobs/object_io.h"
#include "synergy/v1/tensor.pb.h"

namespace synergy {

// Bytes that one AppendUntrusted takes.
inline constexpr uint64_t kMaxAppendBytes = uint64_t{8} << 20;

struct ObjectStoreOptions {
  uint64_t quota_bytes = 0;                      // 0: DefaultObjectQuota
  uint64_t min_free_bytes = uint64_t{64} << 20;  // what must be left on the disk
  std::string boot_id;                           // "": this machine's
  // Counts every byte that is taken or hashed again, for whoever would be disturbed by that.
  // Borrowed, may be null.
  std::atomic<uint64_t>* received_bytes = nullptr;
};

// How much of an object is there.
struct ObjectState {
  bool complete = false;
  uint64_t bytes = 0;
  bool damaged = false;  // it was there whole, but not as its hash says: just now deleted
  // Of all objects, and the most that they may take; where nothing else was asked for.
  uint64_t store_bytes = 0;
  uint64_t store_quota_bytes = 0;
};

// Thread-safe. Append and Sync take as long as the disk, and so does whatever hashes an object
// again (until `stop`, which may be null, becomes true: Unavailable); nothing else waits for them.
class ObjectStore {
 public:
  // `folder` need not exist; its parent must.
  static absl::StatusOr<std::unique_ptr<ObjectStore>> Open(const std::string& folder,
                                                           ObjectStoreOptions options);

  // To ask for a whole object is to use it. An empty reference asks for the store alone.
  absl::StatusOr<ObjectState> QueryUntrusted(const v1::ObjectRef& object,
                                             const std::atomic<bool>* stop = nullptr);
  // Appends all bytes of `file`, a regular one, which others may change meanwhile: what is written
  // is what is hashed. With the object's last byte its hash is checked; a wrong one deletes it:
  // DataLoss. Aborted: the object does not end at `offset`. InvalidArgument: object or file.
  // ResourceExhausted: quota or disk, what was there stays. Unavailable: `stop` became true.
  absl::StatusOr<ObjectState> AppendUntrusted(const v1::ObjectRef& object, uint64_t offset,
                                              const UniqueFd& file,
                                              const std::atomic<bool>* stop = nullptr)
      ABSL_LOCKS_EXCLUDED(append_mutex_);
  // Pins a whole object by a hard link at `path`. NotFound: it is not there, or was just deleted
  // for it was damaged; `what` is for the text ("weights").
  absl::Status LinkUntrusted(const v1::ObjectRef& object, std::string_view what,
                             const std::string& path, const std::atomic<bool>* stop = nullptr);
  // Whether the file that LinkUntrusted made is still what it was. DataLoss: it is not, or is gone,
  // and the object is deleted if it is that file.
  absl::Status VerifyLink(const v1::ObjectRef& object, std::string_view what,
                          const std::string& path, const std::atomic<bool>* stop = nullptr);
  // Deletes a link that LinkUntrusted made; it need not be there.
  void Unlink(const v1::ObjectRef& object, const std::string& path);
  // Puts whole objects on the disk; stops halfway when `stop` becomes true. One thread at a time.
  void Sync(const std::atomic<bool>& stop);

  uint64_t quota_bytes() const { return quota_bytes_; }
  // Holds from the next part on: what is beyond it goes when room is needed.
  void SetQuota(uint64_t bytes) { quota_bytes_ = bytes; }
  uint64_t used_bytes() const { return StoreUse().store_bytes; }

 private:
  struct Part {
    UniqueFd fd;
    Sha256 hash;
    uint64_t bytes = 0;
    std::optional<FileStamp> hashed;  // of the file when `hash` was that of its bytes
    uint64_t turn = 0;                // of its last use
  };

  ObjectStore(ObjectFolder folder, ObjectStoreOptions options);
  ObjectState StoreUse() const;
  // DataLoss: it was damaged, and is deleted; NotFound: deleted meanwhile; InvalidArgument: the
  // reference has a wrong size.
  absl::Status CheckWhole(const v1::ObjectRef& object, const ObjectFile& whole,
                          const std::atomic<bool>* stop);
  // Deletes what is open as `fd` and damaged, as `why` says; returns that.
  absl::Status Discard(const ObjectFile& whole, int fd, const absl::Status& why);
  absl::StatusOr<Part*> OpenPart(const v1::ObjectRef& object, const std::atomic<bool>* stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  // Deletes it with all that is known of it.
  void DropPart(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  absl::Status Copy(const v1::ObjectRef& object, const UniqueFd& file, uint64_t size, Part* part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  absl::StatusOr<ObjectState> Complete(const v1::ObjectRef& object, Part* part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);

  ObjectFolder folder_;
  const ObjectStoreOptions options_;
  std::atomic<uint64_t> quota_bytes_;
  absl::Mutex append_mutex_;
  std::map<std::string, Part> parts_ ABSL_GUARDED_BY(append_mutex_);  // a few, by object name
  uint64_t turn_ ABSL_GUARDED_BY(append_mutex_) = 0;
  HashingCopier copier_ ABSL_GUARDED_BY(append_mutex_);
};

}  // namespace synergy
