// The runs in the state folder: STATE/runs/<run_id>/ (run_folder.h). A run's folder is whole or is
// not there: it is made under a temporary name and renamed, files are replaced likewise, deletion
// starts with a rename.
//
// Durability: nothing here calls fsync while a job measures (`sync` false); what was written
// meanwhile is made durable by Sync() when the job has ended. A crash of the daemon alone loses
// nothing either way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/unique_fd.h"
#include "daemon/jobs/run_folder.h"
#include "synergy/v1/stored_job.pb.h"

namespace synergy {

// Thread-safe; two threads do not work on the same run.
class RunStore {
 public:
  // Creates STATE/runs where it is missing and clears what an interrupted creation or deletion
  // left.
  static absl::StatusOr<std::unique_ptr<RunStore>> Open(const std::string& state_dir);

  // Every whole run, in the order of submission. A folder whose job.pb cannot be read is set aside
  // as STATE/damaged/<run_id> and logged.
  std::vector<v1::StoredJob> Load();

  // The number of the next submission: greater than any before it, also those that were deleted
  // since.
  absl::StatusOr<uint64_t> TakeNumber(bool sync);

  // Makes the folder of `job` and copies the nets into it. InvalidArgument: a net is no regular
  // file or grows while it is read; ResourceExhausted: longer than `max_net_bytes`, or the disk is
  // full.
  absl::Status Create(const v1::StoredJob& job, const UniqueFd& predict_net,
                      const UniqueFd& init_net, uint64_t max_net_bytes, bool sync);
  absl::Status Save(const v1::StoredJob& job, bool sync);
  absl::Status Remove(std::string_view run_id);
  // Makes everything durable that was written with `sync` false.
  void Sync();

  bool Exists(std::string_view run_id) const;
  RunFolder Folder(std::string_view run_id) const;
  // Bytes that the disk still takes.
  absl::StatusOr<uint64_t> FreeBytes() const;
  const std::string& state_dir() const { return state_dir_; }

 private:
  explicit RunStore(std::string state_dir);
  void ClearLeftovers();

  const std::string state_dir_;
  const std::string runs_dir_;
  mutable absl::Mutex mutex_;
  uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;  // the last one taken
  std::vector<std::string> unsynced_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
