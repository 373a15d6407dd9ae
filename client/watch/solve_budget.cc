#include "client/watch/solve_budget.h"

#include <algorithm>

namespace synergy {
namespace {

constexpr int kShare = 50;  // one part in these
constexpr Nanoseconds kShortest = Seconds(1);
// While a run is young the next solution has about twice the readings.
constexpr int kGrowth = 2;

}  // namespace

void SolveBudget::Spend(MonotonicTime now, Nanoseconds added, Nanoseconds solved) {
  spent_ = spent_ + added + solved;
  next_ = std::max(now + kShortest, begin_ + (spent_ + solved * kGrowth) * kShare);
}

}  // namespace synergy
