#include "client/watch/solve_budget.h"

#include <algorithm>

namespace synergy {
namespace {

constexpr int kShare = 50;  // one part in these
constexpr Nanoseconds kShortest = Seconds(1), kLongest = Seconds(30);
// At least every so many times what a solution takes: numbers may not become older than that, and a
// dear solution not cost more than this part of a core: all of the view is to cost a twentieth.
constexpr int kLeastShare = 45;
// While a run is young the next solution has about twice the readings.
constexpr int kGrowth = 2;

}  // namespace

void SolveBudget::Spend(MonotonicTime now, Nanoseconds added, Nanoseconds solved) {
  spent_ = spent_ + added + solved;
  const MonotonicTime affordable = begin_ + (spent_ + solved * kGrowth) * kShare;
  const MonotonicTime latest = now + std::max(kLongest, solved * kLeastShare);
  next_ = std::clamp(affordable, now + kShortest, latest);
}

}  // namespace synergy
