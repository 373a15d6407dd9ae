// Threads for operators of which nothing says on which they ran: each is alone on its own while it
// runs, and there are no more threads than operators ran at the same time. Pure.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

namespace synergy {

class MarkerLanes {
 public:
  // Of the next operator; they come in the order of their ends. Nothing: all threads are taken.
  std::optional<uint16_t> Take(int64_t begin_ns, int64_t end_ns) {
    if (begin_ns == end_ns) return uint16_t{0};  // it takes no time from others
    // The one whose last operator ended latest: one that is free for longer may take what began
    // earlier and ends later. That way a new one is needed only where all are busy.
    auto lane = ends_.upper_bound({begin_ns, UINT16_MAX});
    if (lane == ends_.begin()) {
      if (ends_.size() > UINT16_MAX) return std::nullopt;
      return ends_.emplace(end_ns, static_cast<uint16_t>(ends_.size())).first->second;
    }
    auto taken = ends_.extract(std::prev(lane));
    taken.value().first = end_ns;
    return ends_.insert(std::move(taken)).position->second;
  }

 private:
  std::set<std::pair<int64_t, uint16_t>> ends_;  // of the last operator of each, and its number
};

}  // namespace synergy
