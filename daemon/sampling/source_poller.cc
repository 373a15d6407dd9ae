#include "daemon/sampling/source_poller.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "daemon/power/source_description.h"

namespace synergy {
namespace {

constexpr Nanoseconds kDefaultPeriod = Milliseconds(1);

}  // namespace

TickGrid::Missed TickGrid::Take(MonotonicTime now) {
  const int64_t current = (now - origin_).count / period_.count;
  const int64_t tick = std::max(current, last_ + 1);
  const Missed missed = {.count = static_cast<uint64_t>(tick - last_ - 1),
                         .first_due = Due(last_ + 1),
                         .end = Due(tick)};
  last_ = tick;
  return missed;
}

SourcePoller::SourcePoller(size_t index, std::unique_ptr<PowerSource> source, Clock& clock,
                           SinkList& sinks)
    : index_(index),
      source_(std::move(source)),
      clock_(clock),
      sinks_(sinks),
      period_ns_(kDefaultPeriod.count),
      used_period_ns_(kDefaultPeriod.count),
      books_{.since = clock.Now()},
      description_(DescribeSource(*source_)) {
  for (const v1::ChannelInfo& info : source_->channels()) channels_.emplace_back(info);
}

Nanoseconds SourcePoller::Period() const {
  // An infinite rate gives a period of 0.
  const auto shortest = static_cast<int64_t>(std::ceil(1e9 / source_->max_rate_hz()));
  return {std::max(period_ns_.load(), shortest)};
}

MonotonicTime SourcePoller::NextDue() {
  const Nanoseconds period = Period();
  if (!grid_ || grid_->period() != period) {
    // Where the source itself slows down, a tick is not due at once, or it would never slow down.
    const int64_t asked_ns = period_ns_.load();
    const bool slows = grid_ && asked_ns_ == asked_ns;
    asked_ns_ = asked_ns;
    grid_.emplace(slows ? grid_->NextDue() : clock_.Now(), period);
    used_period_ns_.store(period.count);
  }
  return grid_->NextDue();
}

bool SourcePoller::Tick() {
  NextDue();  // the grid is there from here on
  const MonotonicTime begin = clock_.Now();
  const TickGrid::Missed missed = grid_->Take(begin);
  readings_.clear();
  const absl::Status status = source_->Read(&readings_);
  // A read that failed was one, too.
  transfers_ = source_->transfers().value_or(transfers_ + readings_.size() + (status.ok() ? 0 : 1));
  // What is gone looks for itself.
  const bool goes_on = status.ok() || absl::IsUnavailable(status) || absl::IsNotFound(status);
  {
    const std::lock_guard lock(mutex_);
    books_.ticks += missed.count + 1;
    books_.missed += missed.count;
    books_.failed += status.ok() ? 0 : 1;
    books_.answered += readings_.empty() ? 0 : 1;
    books_.fresh += CountReadings() ? 1 : 0;
    // A tick that failed now and then leaves it in use.
    if (!absl::IsUnavailable(status)) status_ = status;
  }
  if (missed.count > 0) ReportMissed(missed);
  if (!readings_.empty()) sinks_.OnReadings(index_, readings_);
  if (!status.ok()) ReportFailed(begin, status);
  UpdateDescription(begin);
  return goes_on;
}

void SourcePoller::UpdateDescription(MonotonicTime now) {
  if (now < describe_due_) return;
  describe_due_ = now + kDescribeInterval;
  v1::SourceInfo news;
  synergy::UpdateDescription(*source_, &news);
  const std::lock_guard lock(mutex_);
  description_.set_max_rate_hz(news.max_rate_hz());
  description_.mutable_remarks()->Swap(news.mutable_remarks());
  doubt_ = source_->Doubt();
}

std::string SourcePoller::doubt() const {
  const std::lock_guard lock(mutex_);
  return doubt_;
}

v1::SourceInfo SourcePoller::Describe() const {
  const std::lock_guard lock(mutex_);
  v1::SourceInfo info = description_;
  if (!status_.ok()) {
    info.add_remarks(fmt::format("{} is not read: {}", info.name(), status_.ToString()));
  }
  return info;
}

bool SourcePoller::CountReadings() {
  bool fresh = false;
  for (const ChannelReading& r : readings_) {
    if (r.channel < channels_.size()) fresh |= channels_[r.channel].OnReading(r);
  }
  return fresh;
}

void SourcePoller::ReportMissed(const TickGrid::Missed& missed) {
  v1::Gap gap;
  gap.set_source(source_->name());
  gap.set_begin_ns(missed.first_due.ns);
  gap.set_end_ns(missed.end.ns);
  gap.set_count(missed.count);
  gap.set_cause(v1::Gap::CAUSE_MISSED_TICK);
  sinks_.OnGap(index_, gap);
}

void SourcePoller::ReportFailed(MonotonicTime begin, const absl::Status& status) {
  v1::Gap gap;
  gap.set_source(source_->name());
  gap.set_begin_ns(begin.ns);
  gap.set_end_ns(clock_.Now().ns);
  gap.set_count(1);
  gap.set_cause(v1::Gap::CAUSE_READ_FAILED);
  const bool goes_on = absl::IsUnavailable(status) || absl::IsNotFound(status);
  gap.set_detail(goes_on ? status.ToString() : "the source was given up: " + status.ToString());
  sinks_.OnGap(index_, gap);
}

v1::SourceStats SourcePoller::TakeStats() {
  const MonotonicTime now = clock_.Now();
  Books books{.since = now};
  v1::SourceStats stats;
  stats.set_source(source_->name());
  stats.set_requested_hz(1e9 / static_cast<double>(used_period_ns_.load()));
  const std::lock_guard lock(mutex_);
  std::swap(books, books_);
  stats.set_ticks(books.ticks);
  stats.set_missed(books.missed);
  stats.set_failed(books.failed);
  const double span_s = (now - books.since).seconds();
  if (span_s > 0) {
    stats.set_achieved_hz(static_cast<double>(books.answered) / span_s);
    stats.set_fresh_hz(static_cast<double>(books.fresh) / span_s);
  }
  for (size_t i = 0; i < channels_.size(); ++i) {
    v1::ChannelStats& one = *stats.add_channels();
    one = channels_[i].Take(span_s);
    one.set_requested_hz(
        std::min(1e9 / static_cast<double>(period_ns_.load()), source_->asked_hz(i)));
  }
  return stats;
}

absl::Status SourcePoller::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace synergy
