#include "client/watch/cpu_share.h"

namespace synergy {
namespace {

constexpr int64_t kSpan_ns = 2'000'000'000;

}  // namespace

void CpuShare::Add(int64_t at_ns, uint64_t cpu_ns) {
  const bool another = begin_ && (cpu_ns < begin_->cpu_ns || at_ns < begin_->at_ns);
  if (cpu_ns == 0 || another) {
    begin_.reset();
    cores_.reset();
  }
  if (cpu_ns == 0) return;
  if (!begin_) begin_ = Use{at_ns, cpu_ns};
  const int64_t span_ns = at_ns - begin_->at_ns;
  if (span_ns < kSpan_ns) return;
  cores_ = static_cast<double>(cpu_ns - begin_->cpu_ns) / static_cast<double>(span_ns);
  begin_ = Use{at_ns, cpu_ns};
}

}  // namespace synergy
