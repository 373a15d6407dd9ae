#include "common/clock_comparison/round_trips.h"

#include <algorithm>
#include <utility>

namespace synergy {
namespace {

bool Bound(const RoundTrip& trip, FeasibleLines* lines) {
  return lines->AtMost(trip.sent_ns, trip.received_ns - trip.sent_ns) &&
         lines->AtLeast(trip.back_ns, trip.answered_ns - trip.back_ns);
}

}  // namespace

void RoundTrips::Add(const RoundTrip& trip) {
  if (trip.back_ns < trip.sent_ns || trip.answered_ns < trip.received_ns) return;
  if (trip.answered_ns - trip.received_ns > trip.back_ns - trip.sent_ns) return;
  ++count_;
  if (!segments_.empty()) {
    FeasibleLines tighter = segments_.back().lines;
    if (Bound(trip, &tighter)) {
      segments_.back().lines = std::move(tighter);
      segments_.back().end_ns = trip.back_ns;
      return;
    }
  }
  Segment& fresh = segments_.emplace_back();
  fresh.begin_ns = trip.sent_ns;
  fresh.end_ns = trip.back_ns;
  Bound(trip, &fresh.lines);  // one trip alone has lines
}

std::optional<FeasibleLines::Range> RoundTrips::OffsetAt(int64_t here_ns) const {
  if (segments_.empty()) return std::nullopt;
  // The last one that has begun by then; between two, nobody knows where the step was.
  const auto next = std::ranges::upper_bound(segments_, here_ns, {}, &Segment::begin_ns);
  const Segment& segment = next == segments_.begin() ? *next : *(next - 1);
  std::optional<FeasibleLines::Range> range = segment.lines.At(here_ns);
  if (range && here_ns > segment.end_ns && next != segments_.end()) {
    const std::optional<FeasibleLines::Range> other = next->lines.At(here_ns);
    range->low_ns = std::min(range->low_ns, other->low_ns);
    range->high_ns = std::max(range->high_ns, other->high_ns);
  }
  return range;
}

}  // namespace synergy
