// The begins and ends of spans in the order of time, and which span of a thread counts at an
// instant: what a thread does at once is what it began last.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "common/attribution/timeline.h"

namespace synergy {

struct SpanEvent {
  int64_t at_ns;
  bool begins;
  size_t span;  // its index
};

// Calls `use` with each event; at one instant, what ends comes first, and lower indices. Spans
// without length have none. Linear where spans come in the order of their begins and few are open
// at once.
template <typename Use>
void ForEachEvent(const std::vector<Span>& spans, Use use) {
  std::vector<size_t> order;  // empty: as they come
  if (!std::ranges::is_sorted(spans, {}, &Span::begin_ns)) {
    order.resize(spans.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](size_t i) { return spans[i].begin_ns; });
  }
  using End = std::pair<int64_t, size_t>;
  std::priority_queue<End, std::vector<End>, std::greater<>> open;
  const auto end_until = [&](int64_t at_ns) {
    for (; !open.empty() && open.top().first <= at_ns; open.pop()) {
      use(SpanEvent{.at_ns = open.top().first, .begins = false, .span = open.top().second});
    }
  };
  for (size_t i = 0; i < spans.size(); ++i) {
    const size_t at = order.empty() ? i : order[i];
    const Span& span = spans[at];
    if (span.begin_ns == span.end_ns) continue;  // takes no time and no energy
    end_until(span.begin_ns);
    use(SpanEvent{.at_ns = span.begin_ns, .begins = true, .span = at});
    open.emplace(span.end_ns, at);
  }
  end_until(std::numeric_limits<int64_t>::max());
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
