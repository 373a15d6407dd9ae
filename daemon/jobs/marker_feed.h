// The one reader of a job's marker ring: hands each marker on once to the recorder and once to the
// simulated board, and knows what the engine is doing now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "common/clock.h"
#include "common/marker_ring.h"
#include "common/marker_ring_reader.h"
#include "common/priority_mutex.h"
#include "daemon/jobs/marker_check.h"
#include "daemon/power/board_simulation.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Thread-safe: the runner drains it about every 20 ms, sampling threads poll it for the simulated
// board at every sensor read. Markers that cannot be true are counted and dropped; so is everything
// once the ring itself cannot be believed.
class MarkerFeed final : public ActivityFeed {
 public:
  // Borrows the ring's descriptor and the clock. `simulated`: somebody polls, so keep markers for
  // them.
  MarkerFeed(int ring_fd, const RingGeometry& geometry, MonotonicTime job_begin, bool simulated,
             Clock& clock);

  // What the engine was told to do, before it is told.
  void AllowSetup() ABSL_LOCKS_EXCLUDED(mutex_);
  void SetOperatorCount(uint32_t count) ABSL_LOCKS_EXCLUDED(mutex_);
  void AllowIterations(v1::Phase phase, uint32_t end) ABSL_LOCKS_EXCLUDED(mutex_);

  void AllowCounts(uint32_t events) ABSL_LOCKS_EXCLUDED(mutex_);

  void Poll(Snapshot* snapshot) override ABSL_LOCKS_EXCLUDED(mutex_);

  // Where the engine is and how far it came.
  struct Activity {
    std::optional<CurrentOperator>
        current;                       // of the lane that began something last; may be kOpNone
    uint64_t markers = 0;              // believed so far, calibrations among them
    uint64_t measured = 0;             // executions of operators in the measured phase
    uint64_t dropped = 0;              // by the engine: the ring was full
    int64_t worst_clock_error_ns = 0;  // that a calibration of the engine's counter found
    uint64_t garbage = 0;              // that cannot be true
    std::string first_garbage;         // what was wrong with the first
    absl::Status ring;                 // DataLoss: the ring cannot be believed any more
  };
  // Drains the ring and replaces `markers` by those that the recorder has not had yet.
  Activity Drain(std::vector<Marker>* markers) ABSL_LOCKS_EXCLUDED(mutex_);

  // What was counted since the last call, in parts that a record can hold.
  std::vector<v1::EventCounts> TakeCounts() ABSL_LOCKS_EXCLUDED(mutex_);

  // The mean time of an execution in the measured phase so far of each operator that had one, in
  // seconds, by index.
  std::vector<double> MeanTimes() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Take(const Marker& marker, MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeCount(const Marker& marker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Distrust(std::string what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool simulated_;
  Clock& clock_;
  PriorityMutex mutex_;
  MarkerRingReader reader_ ABSL_GUARDED_BY(mutex_);
  MarkerCheck check_ ABSL_GUARDED_BY(mutex_);
  Activity activity_ ABSL_GUARDED_BY(mutex_);
  MonotonicTime as_of_ ABSL_GUARDED_BY(mutex_);
  std::vector<CurrentOperator> running_ ABSL_GUARDED_BY(mutex_);  // slots, as of as_of_
  std::vector<Marker> fresh_ ABSL_GUARDED_BY(mutex_);             // scratch of Read
  std::vector<Marker> for_recorder_ ABSL_GUARDED_BY(mutex_);
  struct Executed {
    uint64_t executions = 0;
    int64_t total_ns = 0;
  };
  std::vector<Executed> executed_ ABSL_GUARDED_BY(mutex_);  // by operator, in the measured phase
  std::vector<Marker> for_simulation_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::EventCounts> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
