#include "common/clock_comparison/arrivals.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace synergy {
namespace {

constexpr size_t kKeptIntervals = 128;
constexpr size_t kFewestIntervals = 16;  // before anything is called unusual
constexpr size_t kMostFloors = 8192;
constexpr size_t kMostLeaps = 2048;
constexpr int64_t kLongestIntervalNs = 86'400'000'000'000;  // a day
// How far around a leap floors are compared.
constexpr int64_t kWindowNs = 2'000'000'000;
constexpr int64_t kShortestWindowNs = 250'000'000;
constexpr int64_t kFewestPeriods = 10;
// Of a normal distribution, over the median of absolute deviations.
constexpr double kSigmaPerMad = 1.4826;
// Below this, what looks like a step is the scheduler's.
constexpr double kLeastStepNs = 50'000;
constexpr double kSureSigmas = 6;

template <typename T>
T Median(std::vector<T> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

bool Arrivals::Add(int64_t stamp_ns, int64_t arrival_ns) {
  const bool leaps = lines_ > 0 && !AddInterval(stamp_ns, arrival_ns);
  AddFloor(stamp_ns, arrival_ns, leaps);
  last_stamp_ns_ = stamp_ns;
  last_arrival_ns_ = arrival_ns;
  ++lines_;
  return leaps;
}

bool Arrivals::AddInterval(int64_t stamp_ns, int64_t arrival_ns) {
  // Whoever computes with some periods does not leave the range of int64, whatever was printed.
  const int64_t interval = std::min(stamp_ns - last_stamp_ns_, kLongestIntervalNs);
  const int64_t excess = interval - period_ns_;
  const bool known = intervals_.size() >= kFewestIntervals;
  const bool usual =
      interval > 0 && (!known || std::abs(excess) <= std::max<int64_t>(period_ns_ / 2, 1000));
  if (interval > 0) {
    if (intervals_.size() < kKeptIntervals) {
      intervals_.push_back(interval);
    } else {
      intervals_[next_interval_++ % kKeptIntervals] = interval;
    }
    if (intervals_.size() < kKeptIntervals || next_interval_ % kFewestIntervals == 0) {
      period_ns_ = Median(intervals_);
    }
  }
  if (usual) return true;
  if (leaps_.size() == kMostLeaps) {
    ++leaps_dropped_;
    return true;
  }
  leaps_.push_back({.line = lines_,
                    .before_ns = last_stamp_ns_,
                    .after_ns = stamp_ns,
                    .arrival_before_ns = last_arrival_ns_,
                    .arrival_ns = arrival_ns,
                    .excess_ns = excess});
  return false;
}

void Arrivals::AddFloor(int64_t stamp_ns, int64_t arrival_ns, bool after_leap) {
  const ArrivalFloor line{.arrival_ns = arrival_ns, .stamp_ns = stamp_ns, .line = lines_};
  if (floors_.empty() || after_leap || arrival_ns >= floors_.back().begin_ns + span_ns_) {
    floors_.push_back({.least = line, .begin_ns = arrival_ns, .after_leap = after_leap});
    if (floors_.size() > kMostFloors) MergeFloors();
  } else if (line.lag_ns() < floors_.back().least.lag_ns()) {
    floors_.back().least = line;
  }
}

void Arrivals::MergeFloors() {
  span_ns_ *= 2;
  std::vector<Floor> merged;
  for (const Floor& floor : floors_) {
    const bool joins =
        !merged.empty() && !floor.after_leap && floor.begin_ns < merged.back().begin_ns + span_ns_;
    if (!joins) {
      merged.push_back(floor);
    } else if (floor.least.lag_ns() < merged.back().least.lag_ns()) {
      merged.back().least = floor.least;
    }
  }
  floors_ = std::move(merged);
}

std::optional<int64_t> Arrivals::period_ns() const {
  if (intervals_.size() < 2) return std::nullopt;
  return Median(intervals_);
}

std::vector<ArrivalFloor> Arrivals::floors() const {
  std::vector<ArrivalFloor> least;
  for (const Floor& floor : floors_) least.push_back(floor.least);
  return least;
}

std::vector<ArrivalFloor> Arrivals::Spans() const {
  std::vector<ArrivalFloor> spans;
  int64_t begin_ns = 0;
  for (const Floor& floor : floors_) {
    if (spans.empty() || floor.begin_ns >= begin_ns + span_ns_) {
      spans.push_back(floor.least);
      begin_ns = floor.begin_ns;
    } else if (floor.least.lag_ns() < spans.back().lag_ns()) {
      spans.back() = floor.least;
    }
  }
  return spans;
}

double Arrivals::slope() const {
  const std::vector<ArrivalFloor> spans = Spans();
  std::vector<double> slopes;
  // Lines that are sent by a timer of nearly their own period come later and later, and then soon
  // again: neighbours show the one, spans further apart what is left. A jump lies between few of
  // these.
  const size_t apart = std::max<size_t>(1, spans.size() / 6);
  for (size_t i = apart; i < spans.size(); ++i) {
    const ArrivalFloor &a = spans[i - apart], &b = spans[i];
    if (b.arrival_ns <= a.arrival_ns) continue;
    slopes.push_back(static_cast<double>(b.lag_ns() - a.lag_ns()) /
                     static_cast<double>(b.arrival_ns - a.arrival_ns));
  }
  return slopes.empty() ? 0 : Median(std::move(slopes));
}

double Arrivals::jitter_ns() const {
  const double usual = slope();
  const std::vector<ArrivalFloor> spans = Spans();
  std::vector<double> steps;
  for (size_t i = 1; i < spans.size(); ++i) {
    const ArrivalFloor &a = spans[i - 1], &b = spans[i];
    steps.push_back(std::abs(static_cast<double>(b.lag_ns() - a.lag_ns()) -
                             usual * static_cast<double>(b.arrival_ns - a.arrival_ns)));
  }
  return steps.empty() ? 0 : kSigmaPerMad * Median(std::move(steps));
}

std::optional<double> Arrivals::LagAt(int64_t at_ns, int64_t begin_ns, int64_t end_ns,
                                      double slope) const {
  const auto first = std::ranges::lower_bound(floors_, begin_ns - span_ns_, {}, &Floor::begin_ns);
  std::optional<double> least;
  for (auto floor = first; floor != floors_.end() && floor->begin_ns <= end_ns; ++floor) {
    if (floor->least.arrival_ns < begin_ns || floor->least.arrival_ns > end_ns) continue;
    const double lag = static_cast<double>(floor->least.lag_ns()) +
                       slope * static_cast<double>(at_ns - floor->least.arrival_ns);
    least = std::min(least.value_or(lag), lag);
  }
  return least;
}

std::optional<int64_t> Arrivals::LeastLag(int64_t begin_ns, int64_t end_ns) const {
  std::optional<int64_t> least;
  for (const Floor& floor : floors_) {
    if (floor.least.arrival_ns < begin_ns || floor.least.arrival_ns > end_ns) continue;
    least = std::min(least.value_or(floor.least.lag_ns()), floor.least.lag_ns());
  }
  return least;
}

double Arrivals::Spread() const {
  std::vector<double> deviations;
  for (const int64_t interval : intervals_) {
    deviations.push_back(std::abs(static_cast<double>(interval - period_ns_)));
  }
  return deviations.empty() ? 0 : kSigmaPerMad * Median(std::move(deviations));
}

std::optional<ClockJump> Arrivals::Confirm(const Leap& leap, int64_t since_ns, int64_t until_ns,
                                           const Usual& usual) const {
  const std::optional<double> before =
      LagAt(leap.arrival_ns, std::max(since_ns, leap.arrival_before_ns - kWindowNs),
            leap.arrival_before_ns, usual.slope);
  const std::optional<double> after =
      LagAt(leap.arrival_ns, leap.arrival_ns, std::min(until_ns, leap.arrival_ns + kWindowNs),
            usual.slope);
  if (!before || !after) return std::nullopt;
  const double unsure = usual.unsure_ns;
  const double seen = *before - *after;               // a clock that goes ahead lags less
  if (std::abs(seen) <= unsure) return std::nullopt;  // readings are missing, no more
  // Readings may be missing as well: then the stamps are apart by whole periods more.
  const double period = static_cast<double>(std::max<int64_t>(period_ns_, 1));
  const double excess = static_cast<double>(leap.excess_ns);
  double missing = std::max(0.0, std::round((excess - seen) / period));
  const bool ambiguous = unsure > period / 2;  // nobody can tell how many
  if (ambiguous && std::abs(excess - seen) <= unsure) missing = 0;
  const double step = ambiguous && missing > 0 ? seen : excess - missing * period;
  if (std::abs(step - seen) > unsure + 3 * Spread()) return std::nullopt;
  const double bound = ambiguous ? unsure : 3 * Spread() + 1000;
  return ClockJump{.line = leap.line,
                   .stamp_ns = leap.after_ns,
                   .step_ns = std::llround(step),
                   .bound_ns = std::llround(bound),
                   .place_bound_ns = std::llround(period * (1 + missing))};
}

std::vector<ClockJump> Arrivals::Jumps() const {
  std::vector<ClockJump> jumps;
  const Usual usual{slope(), kSureSigmas * jitter_ns() + kLeastStepNs};
  // The least lag of fewer lines than these says little.
  const int64_t shortest = std::max(kShortestWindowNs, kFewestPeriods * period_ns_);
  int64_t since_ns = floors_.empty() ? 0 : floors_.front().begin_ns;
  for (size_t i = 0; i < leaps_.size(); ++i) {
    // Up to the next leap that is as large: two steps that follow each other closely.
    int64_t until_ns = last_arrival_ns_;
    for (size_t next = i + 1; next < leaps_.size(); ++next) {
      if (std::abs(leaps_[next].excess_ns) < std::abs(leaps_[i].excess_ns) / 2) continue;
      until_ns = std::max(leaps_[next].arrival_before_ns, leaps_[i].arrival_ns + shortest);
      break;
    }
    // Too near to an end, or to another jump, to tell.
    if (leaps_[i].arrival_before_ns - since_ns < shortest) continue;
    if (last_arrival_ns_ - leaps_[i].arrival_ns < shortest) continue;
    const std::optional<ClockJump> jump = Confirm(leaps_[i], since_ns, until_ns, usual);
    if (!jump) continue;
    jumps.push_back(*jump);
    since_ns = leaps_[i].arrival_ns;
  }
  return jumps;
}

}  // namespace synergy
