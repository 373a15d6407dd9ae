// Takes down, ten times a second while a run is recorded, what the board runs under: frequencies,
// temperatures, throttling, cores that are off. A clock that the job has fixed and that is seen
// elsewhere is an event of the run, and a notice the first time; so is a core.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/clock.h"
#include "daemon/clocks/conditions.h"
#include "daemon/clocks/fixed_clocks.h"
#include "daemon/clocks/throttle_watch.h"
#include "daemon/jobs/run_recording.h"

namespace synergy {

// In a thread of its own: some boards' thermal zones take milliseconds to read.
class ConditionRecorder {
 public:
  static constexpr Nanoseconds kPeriod = Milliseconds(100);

  // `lease`: what the job holds; null: nothing. `recording`, which has started, and `clock` outlive
  // it.
  ConditionRecorder(Conditions conditions, const v1::ClockLease* lease, RunRecording& recording,
                    Clock& clock);
  // When it returns, nothing is taken down any more.
  ~ConditionRecorder();

  // The measured phase. The hottest zone when it begins, as of Conditions::Hottest.
  std::optional<Conditions::Zone> BeginMeasuring() ABSL_LOCKS_EXCLUDED(mutex_);
  struct Seen {
    // Of the fixed clocks and cores: for more than `max_away` of the phase not in its place.
    std::vector<FixedClocks::Astray> moved;
    std::vector<std::string> throttled;  // ThrottleWatch
  };
  Seen EndMeasuring(double max_away) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Watch();
  void Take(bool all) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Check(const v1::Conditions& now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  RunRecording& recording_;
  Clock& clock_;
  absl::Mutex mutex_;
  Conditions conditions_ ABSL_GUARDED_BY(mutex_);
  std::optional<FixedClocks> fixed_ ABSL_GUARDED_BY(mutex_);
  ThrottleWatch throttles_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> told_ ABSL_GUARDED_BY(mutex_);  // what there is a notice of
  absl::Notification stop_;
  std::jthread thread_;
};

}  // namespace synergy
