#include "client/watch/recent_rate.h"

namespace synergy {
namespace {

constexpr int64_t kSpan_ns = 2'000'000'000;

}  // namespace

void RecentRate::Add(int64_t at_ns, uint64_t total) {
  const bool another = begin_ && (total < begin_->total || at_ns < begin_->at_ns);
  if (total == 0 || another) {
    begin_.reset();
    per_ns_.reset();
  }
  if (total == 0) return;
  if (!begin_) begin_ = Sum{at_ns, total};
  const int64_t span_ns = at_ns - begin_->at_ns;
  if (span_ns < kSpan_ns) return;
  per_ns_ = static_cast<double>(total - begin_->total) / static_cast<double>(span_ns);
  begin_ = Sum{at_ns, total};
}

}  // namespace synergy
