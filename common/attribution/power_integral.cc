#include "common/attribution/power_integral.h"

namespace synergy {

double PowerIntegral::PowerAt(int64_t at_ns) const {
  if (next_ == 0) return samples_.front().power_w;
  if (next_ == samples_.size()) return samples_.back().power_w;
  const PowerSample &before = samples_[next_ - 1], &after = samples_[next_];
  const double part =
      static_cast<double>(at_ns - before.at_ns) / static_cast<double>(after.at_ns - before.at_ns);
  return before.power_w + part * (after.power_w - before.power_w);
}

double PowerIntegral::Advance(int64_t to_ns) {
  if (samples_.empty()) return 0;
  while (next_ < samples_.size() && samples_[next_].at_ns <= at_ns_) ++next_;
  double joules = 0;
  while (at_ns_ < to_ns) {
    const bool behind_last = next_ == samples_.size();
    const int64_t end_ns =
        behind_last || samples_[next_].at_ns > to_ns ? to_ns : samples_[next_].at_ns;
    const double mean_w = (PowerAt(at_ns_) + PowerAt(end_ns)) / 2;
    joules += mean_w * static_cast<double>(end_ns - at_ns_) * 1e-9;
    at_ns_ = end_ns;
    while (next_ < samples_.size() && samples_[next_].at_ns <= at_ns_) ++next_;
  }
  return joules;
}

bool PowerIntegral::Covers(const std::vector<PowerSample>& samples, int64_t begin_ns,
                           int64_t end_ns) {
  return !samples.empty() && begin_ns >= samples.front().at_ns - kMaxHold.count &&
         end_ns <= samples.back().at_ns + kMaxHold.count;
}

}  // namespace synergy
