#include "daemon/jobs/marker_feed.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "fmt/format.h"

namespace synergy {
namespace {

// Of at most 5 + 5 + 1 + 10 bytes each: below kMaxChunkDataBytes.
constexpr int kMaxCountRows = 150'000;

}  // namespace

MarkerFeed::MarkerFeed(int ring_fd, const RingGeometry& geometry, MonotonicTime job_begin,
                       bool simulated, Clock& clock)
    : simulated_(simulated),
      clock_(clock),
      reader_(ring_fd, geometry),
      check_(geometry.lanes, job_begin),
      as_of_(job_begin) {
  activity_.ring = absl::OkStatus();
}

void MarkerFeed::AllowSetup() {
  const std::lock_guard lock(mutex_);
  check_.AllowSetup();
}

void MarkerFeed::SetOperatorCount(uint32_t count) {
  const std::lock_guard lock(mutex_);
  check_.SetOperatorCount(count);
  executed_.resize(count);
}

void MarkerFeed::AllowIterations(v1::Phase phase, uint32_t end) {
  const std::lock_guard lock(mutex_);
  check_.AllowIterations(phase, end);
}

void MarkerFeed::AllowCounts(uint32_t events) {
  const std::lock_guard lock(mutex_);
  check_.AllowCounts(events);
}

void MarkerFeed::Distrust(std::string what) {
  if (activity_.garbage++ == 0) activity_.first_garbage = std::move(what);
}

void MarkerFeed::Take(const Marker& marker, MonotonicTime now) {
  if (auto complaint = check_.Complaint(marker, now)) return Distrust(*std::move(complaint));
  if (marker.event != 0) return TakeCount(marker);
  ++activity_.markers;
  for_recorder_.push_back(marker);
  if (marker.op == kOpClock) {
    activity_.worst_clock_error_ns =
        std::max(activity_.worst_clock_error_ns, marker.end_ns - marker.begin_ns);
  }
  const bool execution = marker.op < check_.operators();
  if (execution && marker.phase == v1::PHASE_MEASURE) {
    ++activity_.measured;
    ++executed_[marker.op].executions;
    executed_[marker.op].total_ns += marker.end_ns - marker.begin_ns;
  }
  const bool setup = marker.op == kOpLoad || marker.op == kOpInit;
  if (simulated_ && (execution || setup)) for_simulation_.push_back(marker);
}

void MarkerFeed::TakeCount(const Marker& marker) {
  if (counts_.empty() || counts_.back().op_size() >= kMaxCountRows) counts_.emplace_back();
  v1::EventCounts& rows = counts_.back();
  rows.add_iteration(marker.iteration);
  rows.add_op(marker.op);
  rows.add_event(marker.event - 1);
  rows.add_count(static_cast<uint64_t>(marker.end_ns - marker.begin_ns));
}

// First the time, then the slots, then the markers: an operator that began before that time is in
// one of the two, or in both.
void MarkerFeed::Read() {
  as_of_ = clock_.Now();
  if (!activity_.ring.ok()) return running_.clear();
  activity_.ring = reader_.ReadCurrentUntrusted(&running_);
  fresh_.clear();
  if (activity_.ring.ok()) activity_.ring = reader_.DrainUntrusted(&fresh_);
  const MonotonicTime now = clock_.Now();
  for (const Marker& marker : fresh_) Take(marker, now);
  const size_t before = running_.size();
  std::erase_if(running_, [&](const CurrentOperator& slot) { return !check_.Credible(slot, now); });
  if (running_.size() < before) Distrust("a lane is executing what the net does not have");
  if (!activity_.ring.ok()) return running_.clear();
  activity_.current.reset();
  for (const CurrentOperator& slot : running_) {
    // A lane that executes something rather than one that does not, then the one that began last.
    const auto rank = [](const CurrentOperator& o) {
      return std::pair(o.op != kOpNone, o.begin_ns);
    };
    if (!activity_.current || rank(slot) > rank(*activity_.current)) activity_.current = slot;
  }
}

void MarkerFeed::Poll(Snapshot* snapshot) {
  const std::lock_guard lock(mutex_);
  Read();
  snapshot->as_of = as_of_;
  snapshot->completed.swap(for_simulation_);
  for_simulation_.clear();
  snapshot->running = running_;
}

MarkerFeed::Activity MarkerFeed::Drain(std::vector<Marker>* markers) {
  const std::lock_guard lock(mutex_);
  Read();
  if (activity_.ring.ok()) {
    const absl::StatusOr<uint64_t> dropped = reader_.Dropped();
    if (dropped.ok()) activity_.dropped = *dropped;
    if (!dropped.ok()) activity_.ring = dropped.status();
  }
  markers->swap(for_recorder_);
  for_recorder_.clear();
  return activity_;
}

std::vector<v1::EventCounts> MarkerFeed::TakeCounts() {
  const std::lock_guard lock(mutex_);
  return std::exchange(counts_, {});
}

std::vector<double> MarkerFeed::MeanTimes() {
  const std::lock_guard lock(mutex_);
  std::vector<double> times;
  for (const Executed& op : executed_) {
    if (op.executions == 0) continue;
    times.push_back(1e-9 * static_cast<double>(op.total_ns) / static_cast<double>(op.executions));
  }
  return times;
}

}  // namespace synergy
