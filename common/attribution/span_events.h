// The begins and ends of spans in the order of time, and which span of a thread counts at an
// instant: what a thread does at once is what it began last.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "common/attribution/timeline.h"

namespace synergy {

struct SpanEvent {
  int64_t at_ns;
  bool begins;  // at one instant, what ends comes first
  size_t span;  // its index
  friend bool operator<(const SpanEvent& a, const SpanEvent& b) {
    return std::tie(a.at_ns, a.begins, a.span) < std::tie(b.at_ns, b.begins, b.span);
  }
};

// Spans without length have no events.
inline std::vector<SpanEvent> EventsOf(const std::vector<Span>& spans) {
  std::vector<SpanEvent> events;
  events.reserve(2 * spans.size());
  for (size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].begin_ns == spans[i].end_ns) continue;  // takes no time and no energy
    events.push_back({spans[i].begin_ns, true, i});
    events.push_back({spans[i].end_ns, false, i});
  }
  // One thread's operators follow each other: nothing to do then.
  if (!std::is_sorted(events.begin(), events.end())) std::sort(events.begin(), events.end());
  return events;
}

// The spans that a thread is in: few. The innermost began last; of those that began at once, the
// one that ends first.
class OpenSpans {
 public:
  void Apply(const SpanEvent& event, const Span& span) {
    const Order key{span.begin_ns, -span.end_ns, event.span};
    const auto place = std::lower_bound(open_.begin(), open_.end(), key);
    if (event.begins) {
      open_.insert(place, key);
    } else {
      open_.erase(place);
    }
  }
  bool empty() const { return open_.empty(); }
  size_t innermost() const { return std::get<2>(open_.back()); }

 private:
  using Order = std::tuple<int64_t, int64_t, size_t>;
  std::vector<Order> open_;  // rising
};

}  // namespace synergy
