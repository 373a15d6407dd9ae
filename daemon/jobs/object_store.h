// What clients have sent once and jobs use again: weights and input values, kept under the SHA-256
// of their contents (object_folder.h) as long as the quota allows.
//
// Nothing is on the disk when an object is whole: a job may be measuring meanwhile. Sync() is
// called when none does, at the latest before the job runs that needs the object. A crash of the
// machine in between costs the bytes that were not on the disk, and never leaves a wrong object:
// until it is durable it stands under a name that only the present boot trusts.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
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
  // Counts every byte that is taken, for whoever would be disturbed by that. Borrowed, may be null.
  std::atomic<uint64_t>* received_bytes = nullptr;
};

// A quarter of the file system that holds `path`, at most 8 GiB.
uint64_t DefaultObjectQuota(const std::string& path);

// How much of an object is there.
struct ObjectState {
  bool complete = false;
  uint64_t bytes = 0;
  // Of all objects, and the most that they may take; where nothing else was asked for.
  uint64_t store_bytes = 0;
  uint64_t store_quota_bytes = 0;
};

// Thread-safe. Append and Sync take as long as the disk; nothing else waits for them.
class ObjectStore {
 public:
  // `folder` need not exist; its parent must.
  static absl::StatusOr<std::unique_ptr<ObjectStore>> Open(const std::string& folder,
                                                           ObjectStoreOptions options);

  // To ask for a whole object is to use it. An empty reference asks for the store alone.
  absl::StatusOr<ObjectState> QueryUntrusted(const v1::ObjectRef& object);
  // Appends all bytes of `file`, a regular one, which others may change meanwhile: what is written
  // is what is hashed. With the object's last byte its hash is checked; a wrong one deletes it:
  // DataLoss. Aborted: the object does not end at `offset`. InvalidArgument: object or file.
  // ResourceExhausted: quota or disk, what was there stays. Unavailable: `stop` became true.
  absl::StatusOr<ObjectState> AppendUntrusted(const v1::ObjectRef& object, uint64_t offset,
                                              const UniqueFd& file,
                                              const std::atomic<bool>* stop = nullptr)
      ABSL_LOCKS_EXCLUDED(append_mutex_);
  // Pins a whole object by a hard link at `path`. NotFound: it is not there; `what` is for the text
  // ("weights").
  absl::Status LinkUntrusted(const v1::ObjectRef& object, std::string_view what,
                             const std::string& path);
  // Whether the file that LinkUntrusted made is still what it was: after a crash of the machine it
  // may not be.
  absl::Status VerifyLink(const v1::ObjectRef& object, const std::string& path) const;
  // Puts whole objects on the disk; stops halfway when `stop` becomes true. One thread at a time.
  void Sync(const std::atomic<bool>& stop);

  uint64_t quota_bytes() const { return options_.quota_bytes; }

 private:
  struct Part {
    UniqueFd fd;
    Sha256 hash;
    uint64_t bytes = 0;
    uint64_t turn = 0;  // of its last use
  };

  ObjectStore(ObjectFolder folder, ObjectStoreOptions options);
  ObjectState StoreUse() const;
  absl::StatusOr<Part*> OpenPart(const v1::ObjectRef& object, const std::atomic<bool>* stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  absl::Status MakeRoom(const v1::ObjectRef& object, uint64_t bytes);
  absl::Status Copy(const v1::ObjectRef& object, const UniqueFd& file, uint64_t size, Part* part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  absl::StatusOr<ObjectState> Complete(const v1::ObjectRef& object, Part* part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);

  ObjectFolder folder_;
  const ObjectStoreOptions options_;
  absl::Mutex append_mutex_;
  std::map<std::string, Part> parts_ ABSL_GUARDED_BY(append_mutex_);  // a few, by object name
  uint64_t turn_ ABSL_GUARDED_BY(append_mutex_) = 0;
  HashingCopier copier_ ABSL_GUARDED_BY(append_mutex_);
};

}  // namespace synergy
