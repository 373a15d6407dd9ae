// Watches one board: keeps its state up to date, and comes back to it where it is lost.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/net/device_client.h"
#include "client/watch/board_state.h"

namespace synergy {

// Thread-safe. What comes is taken in as it comes, whatever becomes of what is shown: a terminal
// that stands still keeps nobody waiting.
class BoardWatch {
 public:
  struct Options {
    std::string host;
    double rate_hz = 10;  // of points of live power
    // Of the records of the job that runs, which say what operators cost.
    enum class Records { kNone, kFollowed, kGiven };
    Records records = Records::kFollowed;
    bool once = false;  // the first error ends it
    // Called for each new point, on a thread of its own, with the state as it is then.
    std::function<void(const BoardState&)> on_point;
    // Called once the board is lost or not found, likewise.
    std::function<void(const absl::Status&)> on_lost;
  };

  explicit BoardWatch(Options options);
  ~BoardWatch();
  BoardWatch(const BoardWatch&) = delete;
  BoardWatch& operator=(const BoardWatch&) = delete;

  // kGiven: the records of a run, from its first on. Takes them over from `Give` of another run.
  void Give(const std::string& run_id, v1::Chunk chunk) ABSL_LOCKS_EXCLUDED(mutex_);

  // `read` is called with the state, which does not change meanwhile.
  void Read(const std::function<void(const BoardState&)>& read) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void KeepConnected(std::stop_token stop);
  absl::Status WatchOnce(std::stop_token stop);
  // At the rate asked for, or at the one that this client's role may have.
  absl::Status WatchPower(DeviceClient& client, std::stop_token stop);
  absl::Status OnPoint(const v1::TelemetryPoint& point);
  void Poll(std::stop_token stop);
  void Ask(DeviceClient& client, bool clocks);
  void Follow(std::stop_token stop);
  void FollowRun(DeviceClient& client, const std::string& run_id, std::stop_token stop);
  void BeginRun(const std::string& run_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Take(v1::Chunk chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Solve(std::stop_token stop);
  // False: it is to stop.
  bool Rest(std::stop_token stop, Nanoseconds span);
  std::shared_ptr<DeviceClient> client() const ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  mutable absl::Mutex mutex_;
  BoardState state_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<DeviceClient> client_ ABSL_GUARDED_BY(mutex_);
  RunData data_ ABSL_GUARDED_BY(mutex_);  // of the run that is followed
  TakenRecords taken_ ABSL_GUARDED_BY(mutex_);
  // Of it, what is not yet in its solution.
  std::vector<v1::Chunk> unsolved_ ABSL_GUARDED_BY(mutex_);
  std::mutex rest_mutex_;
  std::condition_variable_any rest_;
  std::vector<std::jthread> threads_;
};

}  // namespace synergy
