// Plays load patterns (common/load_chirp.h) on the cores of a job, and tells a simulated board of
// them, which draws power for them as for work of the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/power/board_simulation.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// One thread plays; sampling threads poll for the simulated board meanwhile.
class ChirpPlayer final : public ActivityFeed {
 public:
  // `cpus`: kept busy, one thread on each. `engine`: whose activity is handed on. Both the feed and
  // the clock outlive the player.
  ChirpPlayer(std::vector<int> cpus, ActivityFeed& engine, Clock& clock)
      : cpus_(std::move(cpus)), engine_(engine), clock_(clock), busy_since_(cpus_.size()) {}

  // Plays a valid pattern once, from a little after now. `meanwhile` is called again and again from
  // the calling thread; where it fails the pattern ends within 20 ms and the error is handed on.
  // The edges of the answer are the means of what the threads really did.
  absl::StatusOr<v1::ChirpPlayed> Play(const v1::LoadChirp& chirp, bool after,
                                       const std::function<absl::Status()>& meanwhile);

  // What the engine does, and each busy thread as an execution of kOpInit.
  void Poll(Snapshot* snapshot) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void PlayOn(size_t thread, const std::vector<MonotonicTime>& edges, std::stop_token stop,
              std::vector<int64_t>* played);
  int64_t Begin(size_t thread) ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t End(size_t thread) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::vector<int> cpus_;
  ActivityFeed& engine_;
  Clock& clock_;
  absl::Mutex mutex_;
  std::vector<std::optional<int64_t>> busy_since_ ABSL_GUARDED_BY(mutex_);  // by thread
  std::vector<Marker> ended_ ABSL_GUARDED_BY(mutex_);                       // since the last Poll
};

}  // namespace synergy
