// How much one client may have of what all share.
#pragma once

#include <cstdint>

namespace synergy {

// Whether a client that then has `own` leaves enough to others: at least half of that, `left`. So
// one that is alone gets two thirds, two get two fifths each, and some is there for who comes next,
// who gets the first one (of things that are counted) in any case.
constexpr bool LeavesAShare(uint64_t own, uint64_t left) {
  return own <= 1 || own / 2 + own % 2 <= left;
}

}  // namespace synergy
