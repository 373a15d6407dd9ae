// From a board into the store: follows a run, commits what comes in batches and only then
// acknowledges.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/net/device_client.h"
#include "client/store/store.h"
#include "common/clock.h"

namespace synergy {

// The board, as far as a transfer needs it; errors and contracts as in DeviceClient.
class RunSource {
 public:
  virtual ~RunSource() = default;
  virtual absl::StatusOr<std::vector<v1::JobStatus>> List() = 0;
  virtual absl::StatusOr<v1::QueueState> Queue() = 0;  // empty of daemons that know none
  virtual absl::StatusOr<v1::JobStatus> Follow(const std::string& run_id, uint64_t from_seq,
                                               const DeviceClient::Follower& follower,
                                               std::stop_token stop) = 0;
  virtual absl::Status Acknowledge(const std::string& run_id, uint64_t next_seq) = 0;
  virtual absl::StatusOr<v1::RunTruth> Truth(const std::string& run_id) = 0;
  virtual absl::Status Outputs(const std::string& run_id,
                               const std::function<absl::Status(std::string_view part)>& on_part,
                               std::stop_token stop) = 0;
  virtual absl::Status Log(const std::string& run_id,
                           const std::function<absl::Status(std::string_view part)>& on_part) = 0;
  // After Unavailable: tries once to reach the board again.
  virtual absl::Status Reconnect() = 0;
};

// Batches are committed at most this often.
inline constexpr Nanoseconds kCommitEvery = Milliseconds(200);
// A board that went away is looked for again for this long.
inline constexpr Nanoseconds kReconnectFor = Seconds(10);

class RunTransfer {
 public:
  struct Listener {
    std::function<void(const v1::JobStatus&)> on_status;
    std::function<void(const std::string&)> on_note;  // for people
    // May be absent. What comes, before it is stored.
    std::function<void(const v1::Chunk&)> on_chunk = {};
    // May be absent. All records of the run are stored, and the board still has the run: what else
    // is wanted of it must be taken now. Where that ends in kNotReached, it is called again once
    // the board is back; no other error holds anything up.
    std::function<absl::Status(const StoredRun&)> on_complete;
  };
  // All outlive the transfer.
  RunTransfer(Store& store, const v1::BoardInfo& board, RunSource& source, Clock& clock,
              Listener listener)
      : store_(store), board_(board), source_(source), clock_(clock), listener_(listener) {}

  // Brings everything that the board has of the stored run `number` into the store, staying with a
  // queued or running job until it has ended, with the truth of a simulated board; then nothing of
  // the run is left to do. A board that no longer has the rest makes the run abandoned, which is no
  // error; a truth that cannot be stored is none either, and leaves the run unfinished. Errors:
  // kPartial (contact lost for good, store not writable: what was committed stays, a later call
  // goes on from there), kRefused (the board), Cancelled (`stop`).
  absl::Status Complete(int64_t number, std::stop_token stop);

 private:
  absl::Status Attempt(int64_t number, std::stop_token stop);
  absl::Status FollowToTheEnd(const StoredRun& run, std::stop_token stop);
  absl::Status Take(const StoredRun& run, v1::Chunk chunk);
  // What has come to the disk; Commit then tells the board of it.
  absl::Status Keep(const StoredRun& run);
  absl::Status Commit(const StoredRun& run);
  absl::Status Acknowledge(const StoredRun& run, uint64_t next_seq);
  // False: the truth could not be stored here, and the run must stay on the board for it.
  absl::StatusOr<bool> SaveTruth(const StoredRun& run);
  absl::Status Abandon(const StoredRun& run, const std::string& why);
  absl::Status AwaitBoard(const absl::Status& lost, std::stop_token stop);

  Store& store_;
  const v1::BoardInfo& board_;
  RunSource& source_;
  Clock& clock_;
  const Listener listener_;
  std::vector<v1::Chunk> batch_;
  size_t batch_bytes_ = 0;
  bool is_others_ = false;  // and not ours to acknowledge
  MonotonicTime last_commit_;
  std::optional<MonotonicTime> lost_since_;
};

}  // namespace synergy
