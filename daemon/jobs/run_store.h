// The runs in the state folder: STATE/runs/<run_id>/ (run_folder.h). A run's folder is whole or is
// not there: it is made under a temporary name and renamed, files are replaced likewise, deletion
// starts with a rename.
//
// Durability: a job is on the disk when Add returns. Otherwise nothing here calls fsync while a job
// measures (`sync` false); what was written meanwhile is made durable by Sync() when the job has
// ended. A crash of the daemon alone loses nothing either way.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/protocol.h"
#include "common/unique_fd.h"
#include "daemon/jobs/job_owner.h"
#include "daemon/jobs/object_store.h"
#include "daemon/jobs/run_folder.h"
#include "synergy/v1/stored_job.pb.h"

namespace synergy {

// Thread-safe; two threads do not work on the same run.
class RunStore {
 public:
  struct Space {
    uint64_t max_net_bytes = kMaxNetBytes;
    uint64_t min_free_bytes = uint64_t{64} << 20;  // what must be left on the state folder's disk
  };

  // Creates STATE/runs where it is missing and clears what an interrupted creation or deletion
  // left. `objects` outlives the store; null: no job can name an object.
  static absl::StatusOr<std::unique_ptr<RunStore>> Open(const std::string& state_dir,
                                                        ObjectStore* objects = nullptr);

  // Every whole run, in the order of submission. A folder whose job.pb cannot be read is set aside
  // as STATE/damaged/<run_id> and logged.
  std::vector<v1::StoredJob> Load();

  // Makes the folder of a new, queued job and copies the nets into it and pins the objects that
  // the spec names. Its number is greater than any before it, also those that were deleted since.
  // InvalidArgument: a net is no regular file, or the predict net is empty; NotFound: an object is
  // not on this device; ResourceExhausted: a net is too long or the disk too full;
  // Unavailable: `stop` became true meanwhile.
  absl::StatusOr<v1::StoredJob> Add(const v1::JobSpec& spec, const JobOwner& owner,
                                    const UniqueFd& predict_net, const UniqueFd& init_net,
                                    const Space& space, const std::atomic<bool>* stop = nullptr);
  // Nets that wait take at most half of the space that there is for them: ResourceExhausted.
  absl::Status RequireRoom(const std::vector<std::string>& waiting, const UniqueFd& predict_net,
                           const UniqueFd& init_net) const;
  // An Add under way ends with Unavailable, and so do later ones: the daemon goes down.
  void StopAdding() { stopped_ = true; }
  absl::Status Save(const v1::StoredJob& job, bool sync);
  absl::Status Remove(std::string_view run_id);
  // Whether the objects of a job that is to run are still what they were: DataLoss, with a text for
  // the job. Unavailable: `stop` became true meanwhile.
  absl::Status VerifyObjects(const v1::JobStatus& job, const std::atomic<bool>& stop) const;
  // The job does not need its objects any more.
  void ReleaseObjects(const v1::JobStatus& job);
  // Makes everything durable that was written with `sync` false, and what SyncLater was told of.
  void Sync();
  void SyncLater(const std::string& path);

  RunFolder Folder(std::string_view run_id) const;
  uint64_t BytesOf(std::string_view run_id) const;  // that its files take on the disk
  // ResourceExhausted, with figures and a remedy, where the disk does not take `bytes` more.
  absl::Status RequireSpace(uint64_t bytes) const;
  // Keeps some space back in the run's folder, so that its end can be written to a full disk.
  absl::Status CreateReserve(std::string_view run_id);
  void FreeReserve(std::string_view run_id);

  const std::string& state_dir() const { return state_dir_; }

 private:
  struct Net {
    const UniqueFd& fd;
    uint64_t bytes;
  };

  RunStore(std::string state_dir, ObjectStore* objects);
  void ClearLeftovers();
  absl::Status LinkObjects(const v1::JobSpec& spec, const RunFolder& folder,
                           const std::atomic<bool>* stop);
  absl::StatusOr<uint64_t> TakeNumber();
  absl::Status Make(const RunFolder& making, const v1::StoredJob& job, const Net& predict,
                    const Net& init, const std::atomic<bool>* stop);

  const std::string state_dir_;
  const std::string runs_dir_;
  ObjectStore* const objects_;  // null: none
  std::atomic<bool> stopped_ = false;
  mutable absl::Mutex mutex_;
  uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;  // the last one taken
  std::vector<std::string> unsynced_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
