#include "daemon/jobs/condition_recorder.h"

#include <utility>

#include "absl/time/time.h"

namespace synergy {

ConditionRecorder::ConditionRecorder(Conditions conditions, const v1::ClockLease* lease,
                                     RunRecording& recording, Clock& clock)
    : recording_(recording), clock_(clock), conditions_(std::move(conditions)) {
  const absl::MutexLock lock(&mutex_);
  if (lease != nullptr) fixed_.emplace(*lease, conditions_.watched());
  Take(true);  // a run, however short, has what it began under
  thread_ = std::jthread([this] { Watch(); });
}

ConditionRecorder::~ConditionRecorder() { stop_.Notify(); }

void ConditionRecorder::Watch() {
  while (!stop_.WaitForNotificationWithTimeout(absl::Nanoseconds(kPeriod.count))) {
    const absl::MutexLock lock(&mutex_);
    Take(false);
  }
}

void ConditionRecorder::Take(bool all) {
  const MonotonicTime at = clock_.Now();
  const std::optional<v1::Conditions> now = conditions_.Poll(at, all);
  if (now.has_value()) {
    v1::RunRecord record;
    *record.mutable_conditions() = *now;
    recording_.Record(record);
    throttles_.See(*now);
    Check(*now);
  }
  if (fixed_.has_value() && !conditions_.left_out()) fixed_->Looked(at);
}

void ConditionRecorder::Check(const v1::Conditions& now) {
  if (!fixed_.has_value()) return;
  for (FixedClocks::Change& change : fixed_->Check(now)) {
    if (change.of_clock.has_value()) {
      v1::RunRecord event;
      *event.mutable_clock_change() = *change.of_clock;
      recording_.Record(event);
    }
    if (change.text.empty() || !told_.insert(change.name).second) continue;
    recording_.AddNotice(change.code, std::move(change.text));
  }
}

// Both look at everything, so that a phase that is shorter than the period is seen, too, and no
// move in it is missed.
std::optional<Conditions::Zone> ConditionRecorder::BeginMeasuring() {
  const absl::MutexLock lock(&mutex_);
  Take(true);
  throttles_.BeginSpan();
  if (fixed_.has_value()) fixed_->BeginSpan(clock_.Now());
  return conditions_.Hottest();
}

ConditionRecorder::Seen ConditionRecorder::EndMeasuring(double max_away) {
  const absl::MutexLock lock(&mutex_);
  Take(true);
  Seen seen;
  seen.throttled = throttles_.EndSpan();
  if (fixed_.has_value()) seen.moved = fixed_->EndSpan(clock_.Now(), max_away);
  return seen;
}

}  // namespace synergy
