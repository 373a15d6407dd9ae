#include "common/attribution/power_integral.h"

#include <algorithm>

namespace synergy {

int64_t PowerIntegral::EndOfLine(int64_t to_ns) const {
  int64_t end_ns = to_ns;
  const auto consider = [&](int64_t edge_ns) {
    if (edge_ns > at_ns_) end_ns = std::min(end_ns, edge_ns);
  };
  if (next_ > 0) consider(samples_[next_ - 1].end_ns());
  if (next_ < samples_.size()) {
    consider(samples_[next_].begin_ns());
    consider(samples_[next_].at_ns);
  }
  return end_ns;
}

double PowerIntegral::PowerAt(double at_ns) const {
  if (next_ == 0) return samples_.front().power_w;
  if (next_ == samples_.size()) return samples_.back().power_w;
  const PowerSample &before = samples_[next_ - 1], &after = samples_[next_];
  const auto from_ns = static_cast<double>(before.end_ns());
  const auto until_ns = static_cast<double>(after.begin_ns());
  if (at_ns <= from_ns) return before.power_w;
  if (at_ns >= until_ns) return after.power_w;
  const double part = (at_ns - from_ns) / (until_ns - from_ns);
  return before.power_w + part * (after.power_w - before.power_w);
}

double PowerIntegral::Advance(int64_t to_ns) {
  if (samples_.empty()) return 0;
  while (next_ < samples_.size() && samples_[next_].at_ns <= at_ns_) ++next_;
  double joules = 0;
  while (at_ns_ < to_ns) {
    const int64_t end_ns = EndOfLine(to_ns);
    const auto length_ns = static_cast<double>(end_ns - at_ns_);
    joules += PowerAt(static_cast<double>(at_ns_) + length_ns / 2) * length_ns * 1e-9;
    at_ns_ = end_ns;
    while (next_ < samples_.size() && samples_[next_].at_ns <= at_ns_) ++next_;
  }
  return joules;
}

bool PowerIntegral::Covers(const std::vector<PowerSample>& samples, int64_t begin_ns,
                           int64_t end_ns) {
  return !samples.empty() && begin_ns >= samples.front().begin_ns() - kMaxHold.count &&
         end_ns <= samples.back().end_ns() + kMaxHold.count;
}

}  // namespace synergy
