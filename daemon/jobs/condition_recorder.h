// Takes down, ten times a second while a run is recorded, what the board runs under: frequencies,
// temperatures, throttling. A clock that the job has fixed and that is seen elsewhere is an event
// of the run, and a notice the first time.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "common/clock.h"
#include "daemon/clocks/conditions.h"
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

 private:
  void Watch();
  void Take();

  Conditions conditions_;
  std::optional<FixedClocks> fixed_;
  RunRecording& recording_;
  Clock& clock_;
  std::set<std::string> told_;  // clocks that there is a notice of
  absl::Notification stop_;
  std::jthread thread_;
};

}  // namespace synergy
