#include "daemon/jobs/condition_recorder.h"

#include <utility>

#include "absl/time/time.h"
#include "common/frequency.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

std::string HertzText(int64_t hz) { return FormatFrequency(Frequency{(hz + 500) / 1000}); }

}  // namespace

ConditionRecorder::ConditionRecorder(Conditions conditions, const v1::ClockLease* lease,
                                     RunRecording& recording, Clock& clock)
    : conditions_(std::move(conditions)), recording_(recording), clock_(clock) {
  if (lease != nullptr) fixed_.emplace(*lease);
  Take();  // a run, however short, has what it began under
  thread_ = std::jthread([this] { Watch(); });
}

ConditionRecorder::~ConditionRecorder() { stop_.Notify(); }

void ConditionRecorder::Watch() {
  while (!stop_.WaitForNotificationWithTimeout(absl::Nanoseconds(kPeriod.count))) Take();
}

void ConditionRecorder::Take() {
  const std::optional<v1::Conditions> now = conditions_.Poll(clock_.Now());
  if (!now.has_value()) return;
  v1::RunRecord record;
  *record.mutable_conditions() = *now;
  recording_.Record(record);
  if (!fixed_.has_value()) return;
  for (const v1::ClockChange& change : fixed_->Check(*now)) {
    v1::RunRecord event;
    *event.mutable_clock_change() = change;
    recording_.Record(event);
    if (!told_.insert(change.clock()).second) continue;
    recording_.AddNotice(
        NoticeCode::kClockMoved,
        fmt::format("{} was fixed at {} and ran at {}: throttled, or set by somebody else",
                    Printable(change.clock(), 64), HertzText(change.fixed_hz()),
                    HertzText(change.seen_hz())));
  }
}

}  // namespace synergy
