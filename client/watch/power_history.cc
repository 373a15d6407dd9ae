#include "client/watch/power_history.h"

#include <algorithm>

namespace synergy {
namespace {

void Merge(const PowerSpan& span, std::optional<PowerSpan>* sum) {
  if (span.readings == 0) return;
  if (!*sum) {
    *sum = span;
    return;
  }
  PowerSpan& into = **sum;
  into.min_w = std::min(into.min_w, span.min_w);
  into.max_w = std::max(into.max_w, span.max_w);
  into.readings += span.readings;
  into.seconds += span.seconds;
  if (into.seconds > 0) into.mean_w += (span.mean_w - into.mean_w) * span.seconds / into.seconds;
}

}  // namespace

void PowerHistory::Interrupt() { std::ranges::fill(known_until_ns_, std::nullopt); }

int64_t PowerHistory::HoldsFrom(const v1::TelemetryPoint& point, size_t rail) const {
  const std::optional<int64_t> known = known_until_ns_[rail];
  const auto longest_ns = static_cast<int64_t>(kLongestHold_s * 1e9);
  const bool holds = known && *known < point.end_ns() && point.begin_ns() - *known <= longest_ns;
  return holds ? std::min(*known, point.begin_ns()) : point.begin_ns();
}

void PowerHistory::Add(const v1::TelemetryPoint& point) {
  if (rails_.empty()) {
    for (const v1::RailPower& rail : point.rails()) rails_.push_back(rail.rail());
    energy_j_.resize(rails_.size());
    known_until_ns_.resize(rails_.size());
  }
  // A board that was rebooted begins a new clock.
  if (!slices_.empty() && slices_.back().end_ns > point.end_ns()) {
    slices_.clear();
    Interrupt();
  }
  Slice slice{point.begin_ns(), point.end_ns(), std::vector<PowerSpan>(rails_.size())};
  const size_t rails = std::min(rails_.size(), static_cast<size_t>(point.rails_size()));
  for (size_t i = 0; i < rails; ++i) {
    const v1::RailPower& rail = point.rails(static_cast<int>(i));
    if (rail.readings() == 0) continue;
    const double seconds = static_cast<double>(point.end_ns() - HoldsFrom(point, i)) * 1e-9;
    slice.rails[i] = {rail.min_w(), rail.mean_w(), rail.max_w(), rail.readings(), seconds};
    energy_j_[i] += rail.mean_w() * seconds;
    known_until_ns_[i] = point.end_ns();
  }
  slices_.push_back(std::move(slice));
  const int64_t oldest = point.end_ns() - static_cast<int64_t>(keep_s_ * 1e9);
  while (slices_.front().end_ns < oldest) slices_.pop_front();
}

std::optional<PowerSpan> PowerHistory::Now(size_t rail) const {
  std::optional<PowerSpan> now;
  if (slices_.empty() || !known_until_ns_[rail]) return now;
  const int64_t from = slices_.back().end_ns - static_cast<int64_t>(kLongestHold_s * 1e9);
  for (auto slice = slices_.rbegin(); slice != slices_.rend() && slice->end_ns > from; ++slice) {
    Merge(slice->rails[rail], &now);
    if (now) break;
  }
  return now;
}

std::optional<PowerSpan> PowerHistory::Last(size_t rail, double span_s) const {
  std::optional<PowerSpan> sum;
  if (slices_.empty()) return sum;
  const int64_t from = slices_.back().end_ns - static_cast<int64_t>(span_s * 1e9);
  for (auto slice = slices_.rbegin(); slice != slices_.rend() && slice->end_ns > from; ++slice) {
    Merge(slice->rails[rail], &sum);
  }
  return sum;
}

std::vector<std::optional<PowerSpan>> PowerHistory::Columns(size_t rail, double span_s,
                                                            size_t columns) const {
  std::vector<std::optional<PowerSpan>> sums(columns);
  if (slices_.empty() || columns == 0) return sums;
  const auto width_ns =
      std::max<int64_t>(1, static_cast<int64_t>(span_s * 1e9 / static_cast<double>(columns)));
  const auto place = [&](const Slice& slice) {
    return (slice.begin_ns + (slice.end_ns - slice.begin_ns) / 2) / width_ns;
  };
  const int64_t newest = place(slices_.back());
  const auto oldest_back = static_cast<int64_t>(columns) - 1;
  for (auto slice = slices_.rbegin(); slice != slices_.rend(); ++slice) {
    const int64_t back = newest - place(*slice);
    if (back > oldest_back) break;
    if (back < 0) continue;
    const PowerSpan& span = slice->rails[rail];
    Merge(span, &sums[columns - 1 - static_cast<size_t>(back)]);
    if (span.readings == 0) continue;
    // What it stands for, as far as no reading is there.
    const int64_t since = slice->end_ns - static_cast<int64_t>(span.seconds * 1e9);
    const int64_t held = std::min(oldest_back, newest - since / width_ns);
    for (int64_t b = back + 1; b <= held; ++b) {
      std::optional<PowerSpan>& sum = sums[columns - 1 - static_cast<size_t>(b)];
      if (!sum) sum = PowerSpan{span.mean_w, span.mean_w, span.mean_w, 0, 0};
    }
  }
  return sums;
}

}  // namespace synergy
