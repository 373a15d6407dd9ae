// Follows one run: its chunks from the spool, as they are written, and its statuses between them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/clock.h"
#include "daemon/front/job_book.h"
#include "daemon/front/news.h"
#include "daemon/front/root_client.h"
#include "daemon/sampling/spool.h"
#include "synergy/v1/device.pb.h"

namespace synergy {

// Where the items go. Both are called from the thread that runs the follower.
class FollowSink {
 public:
  virtual ~FollowSink() = default;
  // Blocks while the reader is slow: nothing is read ahead. False: the reader is gone.
  virtual bool Send(const v1::FollowJobResponse& item) = 0;
  virtual bool Cancelled() = 0;
};

// Used once, by one thread.
class RunFollower {
 public:
  // `root`, `news` and `clock` outlive it.
  RunFollower(RootClient& root, const News& news, Clock& clock);

  // Sends chunks from `from_seq` on, with `pause` between them while the job goes on, a status
  // whenever the state changes and otherwise at most five times a second, and last the final
  // status. OK: all of it was sent. NotFound: no such run. OutOfRange: the device holds fewer
  // chunks than from_seq. Unavailable: the front stops. Cancelled: the reader is gone. DataLoss:
  // the spool does not hold what the job's status promises.
  absl::Status Follow(const std::string& run_id, uint64_t from_seq, Nanoseconds pause,
                      FollowSink& sink);

 private:
  absl::Status Open(const v1::JobStatus& job);
  // Sends chunks that are there, at most for one status period; sets *more where there may be
  // others.
  absl::Status SendChunks(FollowSink& sink, bool* more);
  // Fills item_ with the next chunks that are there. What was read before an error stays in it.
  absl::Status ReadBatch();
  absl::Status SendStatusIfDue(const v1::JobStatus& job, FollowSink& sink);

  RootClient& root_;
  const News& news_;
  Clock& clock_;
  std::optional<SpoolReader> spool_;
  uint64_t next_seq_ = 0;
  v1::FollowJobResponse item_;  // reused: chunks are large
  std::string sent_status_;     // the last one, serialized
  v1::JobState sent_state_ = v1::JOB_STATE_UNSPECIFIED;
  MonotonicTime next_status_;
};

}  // namespace synergy
