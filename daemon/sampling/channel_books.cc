#include "daemon/sampling/channel_books.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/records/reading_span.h"

namespace synergy {

ChannelBooks::ChannelBooks(const v1::ChannelInfo& info)
    : info_(info),
      shortest_period_s_(info.window().period_s() * (1 - info.window().period_tolerance())) {}

void ChannelBooks::Extend(const ChannelReading& reading, Freshness freshness) {
  Stretch& s = *stretch_;
  const double apart_s = Nanoseconds{reading.reading.end_ns - s.last_begin_ns}.seconds();
  // So many may lie between two readings: by the numbers, and by the fastest clock there is.
  const int64_t by_number = reading.number->highest - s.last.lowest;
  const auto by_clock = static_cast<int64_t>(std::floor(apart_s / shortest_period_s_)) + 1;
  s.skipped += static_cast<uint64_t>(std::max<int64_t>(0, std::min(by_number, by_clock) - 1));
  ++s.readings;
  s.sure += freshness == Freshness::kFresh ? 1 : 0;
  s.unsure += freshness == Freshness::kUnknown ? 1 : 0;
  s.last = *reading.number;
  s.last_begin_ns = reading.reading.begin_ns;
}

ChannelBooks::Bounds ChannelBooks::Of(const Stretch& s) {
  const int64_t most = s.last.highest - s.first.lowest;
  const int64_t least = s.last.lowest - s.first.highest - static_cast<int64_t>(s.skipped);
  Bounds bounds{.least = s.sure, .most = s.sure + s.unsure};
  bounds.most = std::min(bounds.most, static_cast<uint64_t>(std::max<int64_t>(most, 0)));
  bounds.least = std::max(bounds.least, static_cast<uint64_t>(std::max<int64_t>(least, 0)));
  // What the numbers and the readings themselves say cannot disagree but for a cycle that was
  // fitted wrongly; then the readings are believed.
  if (bounds.least > bounds.most) return {.least = s.sure, .most = s.sure + s.unsure};
  return bounds;
}

bool ChannelBooks::OnReading(const ChannelReading& reading) {
  ++readings_;
  Freshness freshness = reading.reading.freshness;
  const std::optional<int64_t> before = std::exchange(last_raw_, reading.reading.raw);
  if (freshness == Freshness::kUnknown && before != reading.reading.raw) {
    freshness = Freshness::kFresh;
  }
  const bool fresh_now = freshness == Freshness::kFresh;
  const bool goes_on = stretch_ && reading.number && shortest_period_s_ > 0 &&
                       reading.number->epoch == stretch_->first.epoch;
  if (goes_on) {
    Extend(reading, freshness);
    return fresh_now;
  }
  closed_ = fresh();
  stretch_.reset();
  closed_.least += fresh_now ? 1 : 0;
  closed_.most += freshness != Freshness::kRepeat ? 1 : 0;
  if (!reading.number) return fresh_now;
  stretch_ = {
      .first = *reading.number, .last = *reading.number, .last_begin_ns = reading.reading.begin_ns};
  return fresh_now;
}

ChannelBooks::Bounds ChannelBooks::fresh() const {
  Bounds bounds = closed_;
  if (!stretch_) return bounds;
  const Bounds open = Of(*stretch_);
  return {bounds.least + open.least, bounds.most + open.most};
}

v1::ChannelStats ChannelBooks::Take(double span_s) {
  const Bounds bounds = fresh();
  const auto least = static_cast<double>(bounds.least), most = static_cast<double>(bounds.most);
  const bool exact = most - least <= kExact * most;
  v1::ChannelStats stats;
  stats.set_rail(info_.rail());
  stats.set_quantity(info_.quantity());
  if (span_s <= 0) return stats;  // nothing was read in no time
  stats.set_achieved_hz(static_cast<double>(readings_) / span_s);
  stats.set_fresh_hz((exact ? 0.5 * (least + most) : least) / span_s);
  stats.set_fresh_is_bound(!exact);
  if (info_.window().period_s() > 0) {
    stats.set_independent_hz(IndependentHz(stats.fresh_hz(), info_.window().average()));
  }
  readings_ = 0;
  closed_ = {};
  stretch_.reset();
  return stats;
}

}  // namespace synergy
