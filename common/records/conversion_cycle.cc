#include "common/records/conversion_cycle.h"

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

// Forgetting turns the polygon into its bounding box, which loses a little, so it is done rarely.
constexpr double kForgetS = 1.0;
// Stamps are whole nanoseconds.
constexpr double kRoundingS = 2e-9;

}  // namespace

ConversionCycle::ConversionCycle(double period_s, double tolerance)
    : nominal_shortest_s_(period_s * (1 - tolerance)),
      nominal_longest_s_(period_s * (1 + tolerance)) {}

void ConversionCycle::Restart() {
  polygon_.size = 0;
  ++epoch_;
}

double ConversionCycle::shortest_s() const {
  if (polygon_.size == 0) return nominal_shortest_s_;
  double shortest = polygon_.corners[0].period;
  for (size_t i = 1; i < polygon_.size; ++i) {
    shortest = std::min(shortest, polygon_.corners[i].period);
  }
  return shortest;
}

double ConversionCycle::longest_s() const {
  if (polygon_.size == 0) return nominal_longest_s_;
  double longest = polygon_.corners[0].period;
  for (size_t i = 1; i < polygon_.size; ++i) {
    longest = std::max(longest, polygon_.corners[i].period);
  }
  return longest;
}

double ConversionCycle::Lowest(double t, double offset) const {
  double lowest = INFINITY;
  for (size_t i = 0; i < polygon_.size; ++i) {
    const Point& p = polygon_.corners[i];
    lowest = std::min(lowest, (t - p.begin) / p.period - offset);
  }
  return lowest;
}

double ConversionCycle::Highest(double t, double offset) const {
  double highest = -INFINITY;
  for (size_t i = 0; i < polygon_.size; ++i) {
    const Point& p = polygon_.corners[i];
    highest = std::max(highest, (t - p.begin) / p.period - offset);
  }
  return highest;
}

void ConversionCycle::Begin(double offset, TimeSpan span, double shortest_s, double longest_s) {
  reference_ = span.earliest;
  last_ = span.latest;
  number_ = 0;
  ++epoch_;
  const double length = (span.latest - span.earliest).seconds() + kRoundingS;
  // earliest <= begin + offset x period <= latest
  polygon_.corners[0] = {-kRoundingS - offset * shortest_s, shortest_s};
  polygon_.corners[1] = {length - offset * shortest_s, shortest_s};
  polygon_.corners[2] = {length - offset * longest_s, longest_s};
  polygon_.corners[3] = {-kRoundingS - offset * longest_s, longest_s};
  polygon_.size = 4;
}

bool ConversionCycle::Cut(double a, double b, double c, Polygon* polygon) {
  Polygon kept;
  const auto value = [&](const Point& p) { return a + b * p.begin + c * p.period; };
  for (size_t i = 0; i < polygon->size; ++i) {
    const Point& here = polygon->corners[i];
    const Point& next = polygon->corners[(i + 1) % polygon->size];
    const double at_here = value(here), at_next = value(next);
    if (kept.size + 2 > kMostCorners) return false;
    if (at_here >= 0) kept.corners[kept.size++] = here;
    if ((at_here >= 0) == (at_next >= 0)) continue;
    const double share = at_here / (at_here - at_next);
    kept.corners[kept.size++] = {here.begin + share * (next.begin - here.begin),
                                 here.period + share * (next.period - here.period)};
  }
  *polygon = kept;
  return true;
}

void ConversionCycle::MoveTo(int64_t n) {
  // Of cycle n: begin + n x period, which leaves the polygon a polygon.
  for (size_t i = 0; i < polygon_.size; ++i) {
    Point& p = polygon_.corners[i];
    p.begin += static_cast<double>(n) * p.period;
  }
  double first = INFINITY, last = -INFINITY;
  for (size_t i = 0; i < polygon_.size; ++i) {
    first = std::min(first, polygon_.corners[i].begin);
    last = std::max(last, polygon_.corners[i].begin);
  }
  const double widen = kDriftPerS * first;  // since the reference
  const double shortest = std::max(nominal_shortest_s_, shortest_s() * (1 - widen));
  const double longest = std::min(nominal_longest_s_, longest_s() * (1 + widen));
  polygon_.corners[0] = {first, shortest};
  polygon_.corners[1] = {last, shortest};
  polygon_.corners[2] = {last, longest};
  polygon_.corners[3] = {first, longest};
  polygon_.size = 4;
  number_ += n;
  const auto moved_ns = static_cast<int64_t>(first * 1e9);
  reference_ = reference_ + Nanoseconds{moved_ns};
  for (size_t i = 0; i < polygon_.size; ++i) {
    polygon_.corners[i].begin -= Nanoseconds{moved_ns}.seconds();
  }
}

void ConversionCycle::OnConversion(double offset, TimeSpan span) {
  if (nominal_longest_s_ <= 0 || contradictions_ >= kMostContradictions) return;
  if (polygon_.size == 0) return Begin(offset, span, nominal_shortest_s_, nominal_longest_s_);
  const double earliest = Since(span.earliest) - kRoundingS;
  const double latest = Since(span.latest) + kRoundingS;
  if (latest - earliest >= shortest_s()) return;  // one surely does, always
  // What the clock may have drifted since the last one was seen counts against the number, too.
  const double slack = kDriftPerS * std::max(0.0, earliest) * std::max(0.0, earliest);
  const double lowest = std::ceil(Lowest(earliest - slack, offset));
  const double highest = std::floor(Highest(latest + slack, offset));
  if (lowest > highest) {
    ++contradictions_;
    return Begin(offset, span, nominal_shortest_s_, nominal_longest_s_);
  }
  // Too long ago to say which one it was: what is known of the period stays.
  if (lowest < highest) return Begin(offset, span, shortest_s(), longest_s());
  const double count = lowest + offset;
  Polygon cut = polygon_;
  bool fits = Cut(-(earliest - slack), 1, count, &cut);  // begin + count x period >= earliest
  fits = fits && Cut(latest + slack, -1, -count, &cut);  // ... <= latest
  if (fits && cut.size == 0) {
    ++contradictions_;
    return Begin(offset, span, nominal_shortest_s_, nominal_longest_s_);
  }
  if (fits) polygon_ = cut;
  last_ = span.latest;
  if (Since(last_) > std::max(kForgetS, 64 * nominal_longest_s_)) {
    MoveTo(static_cast<int64_t>(lowest));
  }
}

std::optional<ConversionNumber> ConversionCycle::LastBefore(double offset, TimeSpan span) const {
  if (polygon_.size == 0 || contradictions_ >= kMostContradictions) return std::nullopt;
  const double idle = std::max(0.0, (span.latest - last_).seconds());
  const double slack = kRoundingS + kDriftPerS * idle * idle;
  const double lowest = std::floor(Lowest(Since(span.earliest) - slack, offset));
  const double highest = std::floor(Highest(Since(span.latest) + slack, offset));
  return ConversionNumber{.lowest = number_ + static_cast<int64_t>(lowest),
                          .highest = number_ + static_cast<int64_t>(highest),
                          .epoch = epoch_};
}

std::optional<TimeSpan> ConversionCycle::EndOfLastBefore(double offset, TimeSpan span) const {
  const std::optional<ConversionNumber> number = LastBefore(offset, span);
  if (!number || number->lowest != number->highest) return std::nullopt;
  const double count = static_cast<double>(number->lowest - number_) + offset;
  double first = INFINITY, last = -INFINITY;
  for (size_t i = 0; i < polygon_.size; ++i) {
    const Point& p = polygon_.corners[i];
    first = std::min(first, p.begin + count * p.period);
    last = std::max(last, p.begin + count * p.period);
  }
  const double idle = std::max(0.0, (span.latest - last_).seconds());
  const double slack = kRoundingS + kDriftPerS * idle * idle;
  const auto at = [this](double s) {
    return reference_ + Nanoseconds{static_cast<int64_t>(std::llround(s * 1e9))};
  };
  // It ended before the read did.
  return TimeSpan{at(first - slack), std::min(at(last + slack), span.latest)};
}

}  // namespace synergy
