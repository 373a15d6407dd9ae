#include "client/analysis/run_judgement.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "common/run_codes.h"

namespace synergy {
namespace {

std::string OverlapWords(double share, double limit) {
  return fmt::format(
      "operators ran at the same time for {:.1f} % of the time in which any ran (at most {:g} % "
      "are "
      "well): the power of such an instant is shared equally among them, so joules of single "
      "operators are shares; those of the whole network stand",
      100 * share, 100 * limit);
}

// Nothing where they agree, or where it cannot be known.
std::optional<std::string> IdleWords(const RunReport& report, size_t rail, double limit) {
  const std::optional<IdlePower>& before = report.conditions.idle_before;
  const std::optional<IdlePower>& after = report.conditions.idle_after;
  if (!before || !after) return std::nullopt;
  const auto at = [&](const std::vector<std::optional<double>>& values) {
    return rail < values.size() ? values[rail] : std::nullopt;
  };
  const auto first = at(before->power_w), last = at(after->power_w);
  const auto first_width = at(before->half_width_w), last_width = at(after->half_width_w);
  if (!first || !last || !first_width || !last_width) return std::nullopt;
  const double mean = (*first + *last) / 2, shift = *last - *first;
  const double width = std::hypot(*first_width, *last_width);
  if (!(mean > 0) || std::abs(shift) - width <= limit * mean) return std::nullopt;
  return fmt::format(
      "{} drew {:.3f} W while idle before the job and {:.3f} W after it: {:+.1f} % +/- {:.1f} (at "
      "most {:g} % are well), so what operators drew above idle is not known better than that; let "
      "the board settle before (--cool-below, a longer --idle), and look at what else runs there",
      report.rails()[rail], *first, *last, 100 * shift / mean, 100 * width / mean, 100 * limit);
}

}  // namespace

std::vector<NamedLimit> Named(RecordLimits& limits) {
  return {{.name = "overlap", .value = &limits.overlap, .share = true},
          {.name = "idle_shift", .value = &limits.idle_shift, .share = true}};
}

std::vector<std::string> RecordReasons(const RunReport& report, const RecordLimits& limits) {
  std::vector<std::string> reasons;
  const double overlap = report.attribution.overlapped_share().value_or(0);
  if (overlap > limits.overlap) {
    reasons.push_back(Reason(ReasonCode::kOverlap, OverlapWords(overlap, limits.overlap)));
  }
  for (size_t rail = 0; rail < report.rails().size(); ++rail) {
    if (const auto words = IdleWords(report, rail, limits.idle_shift)) {
      reasons.push_back(Reason(ReasonCode::kIdleShifted, *words));
    }
  }
  return reasons;
}

void JudgeRecords(const RecordLimits& limits, RunReport* report) {
  const std::vector<std::string> reasons = RecordReasons(*report, limits);
  report->reasons.insert(report->reasons.end(), reasons.begin(), reasons.end());
  if (!reasons.empty() && report->verdict == v1::VERDICT_VALID) {
    report->verdict = v1::VERDICT_SUSPECT;
  }
}

}  // namespace synergy
