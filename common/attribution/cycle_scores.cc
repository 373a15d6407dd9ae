#include "common/attribution/cycle_scores.h"

#include <algorithm>
#include <cmath>

#include "common/attribution/conversion_search.h"

namespace synergy {
namespace {

// Phases to a slot.
constexpr double kSlotSteps = 8;
// Periods of the table: a window is at most a twentieth of the tolerance of a period from where it
// would be, less than half a phase of a chip within 10 %.
constexpr size_t kPeriods = 11;

}  // namespace

CycleScores::CycleScores(const CycleNominal& nominal, const CycleRegister& reg,
                         const std::vector<CycleRead>& reads, std::span<const size_t> of,
                         double zero_ns)
    : lowest_ns_(nominal.period_ns * (1 - nominal.tolerance)),
      step_ns_(2 * nominal.tolerance * nominal.period_ns / (kPeriods - 1)),
      offset_(reg.offset),
      phases_(
          static_cast<size_t>(std::ceil(kSlotSteps / std::max(reg.slot_share, kLeastSlotShare)))) {
  for (const size_t i : of) after_zero_ns_.push_back(reads[i].middle_ns() - zero_ns);
  table_.resize(kPeriods * of.size() * 2 * phases_);
  sums_.resize(phases_);
  std::vector<WindowCursor> cursors(phases_, WindowCursor(*reg.course));
  float* row = table_.data();
  for (size_t p = 0; p < kPeriods; ++p) {
    const double period_ns = lowest_ns_ + static_cast<double>(p) * step_ns_;
    const double slot_ns = reg.slot_share * period_ns;
    for (const size_t i : of) {
      for (size_t k = 0; k < phases_; ++k) {
        // The later the cycle begins the nearer to the read its conversion ends.
        const double before =
            (static_cast<double>(phases_ - 1 - k) + 0.5) / static_cast<double>(phases_);
        const double end_ns = reads[i].middle_ns() - before * period_ns;
        const double off =
            (reads[i].value - cursors[k].Over(end_ns - slot_ns, end_ns).mean) / reg.noise;
        row[k] = row[phases_ + k] = static_cast<float>(std::min(off * off, kOutlier * kOutlier));
      }
      row += 2 * phases_;
    }
  }
}

std::span<const float> CycleScores::Of(double period_ns) {
  std::ranges::fill(sums_, 0.0f);
  const double nearest = std::round((period_ns - lowest_ns_) / std::max(step_ns_, 1e-9));
  const auto period = static_cast<size_t>(std::clamp(nearest, 0.0, kPeriods - 1.0));
  const float* rows = table_.data() + period * after_zero_ns_.size() * 2 * phases_;
  const auto count = static_cast<double>(phases_);
  for (const double after_ns : after_zero_ns_) {
    const double cycles = after_ns / period_ns - offset_;
    auto whole = static_cast<int64_t>(cycles);
    if (cycles < static_cast<double>(whole)) --whole;
    const double place = cycles - static_cast<double>(whole);
    // How far into its cycle the read is if that begins at zero.
    const auto first = std::min(static_cast<size_t>(place * count), phases_ - 1);
    const float* row = rows + (phases_ - 1 - first);
    for (size_t k = 0; k < phases_; ++k) sums_[k] += row[k];
    rows += 2 * phases_;
  }
  const auto reads = static_cast<float>(std::max<size_t>(1, after_zero_ns_.size()));
  for (float& sum : sums_) sum /= reads;
  return sums_;
}

}  // namespace synergy
