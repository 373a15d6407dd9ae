#include "client/analysis/run_judgement.h"

#include <fmt/format.h>

#include <algorithm>
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

// What is left open of idle powers without intervals, as a share: those of gauges, which average
// over seconds that nobody knows and may still hold the job.
constexpr double kUnknownWidth = 0.2;

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
  if (!first || !last) return std::nullopt;
  const double mean = (*first + *last) / 2, shift = *last - *first;
  // Linearly: most of them is half a step of rounding each, which is a bound and no normal error.
  const double width =
      first_width && last_width ? *first_width + *last_width : kUnknownWidth * std::abs(mean);
  if (!(mean > 0) || std::abs(shift) - width <= limit * mean) return std::nullopt;
  return fmt::format(
      "{} drew {:.3f} W while idle before the job and {:.3f} W after it: {:+.1f} % ± {:.1f} (at "
      "most {:g} % are well), so what operators drew above idle is not known better than that; let "
      "the board settle before (--cool-below, a longer --idle), and look at what else runs there",
      report.rails()[rail], *first, *last, 100 * shift / mean, 100 * width / mean, 100 * limit);
}

// Mean power while operators ran; 0: it cannot be known.
double PowerOfOperators(const RunReport& report, const RailEnergy& rail) {
  const double seconds = report.attribution.inference.time_s;
  return seconds > 0 ? std::max(0.0, rail.operators_j / seconds) : 0;
}

// Beyond its interval and a step of the sensor: what the readings leave open, or rounding makes, is
// no fault of the model's.
std::optional<std::string> DriftWords(const RunReport& report, const RailEnergy& rail,
                                      double limit) {
  const double power_w = PowerOfOperators(report, rail);
  const double least_w = std::max(limit * power_w, rail.step_w);
  if (!(rail.drift_w.low > least_w) || !(power_w > 0)) return std::nullopt;
  return fmt::format(
      "the power of {} rose or fell by {:.3f} W over the run, whatever ran: {:.0f} % ± {:.0f} of "
      "its mean in operators (at most {:g} % are well), which is more than warmth does; fix the "
      "clocks (--cpu-freq), let the board settle before (--cool-below), or measure in shorter runs",
      rail.rail, rail.drift_w.mean, 100 * rail.drift_w.mean / power_w,
      100 * rail.drift_w.half_width() / power_w, 100 * limit);
}

// Standard deviation of single readings that the sensor itself states; W.
double StatedNoise(const RunReport& report, const RailEnergy& rail) {
  for (const v1::ChannelInfo& channel : report.header.channels()) {
    if (channel.rail() == rail.rail && channel.quantity() != v1::ChannelInfo::QUANTITY_VOLTAGE) {
      return channel.noise_steps() * rail.step_w;
    }
  }
  return 0;
}

std::optional<std::string> ResidualWords(const RunReport& report, const RailEnergy& rail,
                                         double limit) {
  const double power_w = PowerOfOperators(report, rail);
  const double stated_w = StatedNoise(report, rail), seen_w = rail.noise_steps * rail.step_w;
  const double beyond_w = std::sqrt(std::max(0.0, seen_w * seen_w - stated_w * stated_w));
  // Half a step is what a quiet sensor has by itself.
  if (!(power_w > 0) || !(beyond_w > limit * power_w + 0.5 * rail.step_w)) return std::nullopt;
  return fmt::format(
      "single readings of {} are off by {:.3f} W (standard deviation) from what its operators draw "
      "together, beyond the sensor's own noise: {:.0f} % of their mean power (at most {:g} % are "
      "well). The model does not fit: operators whose power differs between executions, other "
      "work on the board, or a window that the sensor does not have; intervals are wide enough for "
      "the first two alone",
      rail.rail, beyond_w, 100 * beyond_w / power_w, 100 * limit);
}

// What windows that are their stamps may put on the wrong side of the measured iterations' begin
// and end, J: each is whole, wherever it is cut.
double CutAtEnds(const RunReport& report, const RailEnergy& rail) {
  const std::optional<Estimate>& rest = rail.idle_w ? rail.idle_w : rail.between_w;
  double longest_s = 0;
  for (const v1::ChannelInfo& channel : report.header.channels()) {
    if (channel.rail() != rail.rail || !channel.window().stamps_are_window()) continue;
    longest_s = std::max(longest_s, channel.window().slot_s());
  }
  return rest ? longest_s * std::abs(PowerOfOperators(report, rail) - rest->mean) : 0;
}

// A quarter of a step is what rounding may hide from the integral of a rail that stays between two.
std::optional<std::string> BooksWords(const RunReport& report, const RailEnergy& rail,
                                      double limit) {
  if (!rail.integral_j || !(*rail.integral_j > 0)) return std::nullopt;
  double left = *rail.integral_j - rail.operators_j - rail.between_j;
  const double rounding_j = 0.25 * rail.step_w * report.attribution.inference.time_s;
  const double hidden_j = rounding_j + CutAtEnds(report, rail);
  // Nothing hides anything from the residual, but two errors may cancel in what is left.
  if (!(std::abs(left) > limit * *rail.integral_j + hidden_j)) left = rail.residual_j;
  if (!(std::abs(left) > limit * *rail.integral_j)) return std::nullopt;
  return fmt::format(
      "the books of {} do not close: {:+.3f} J ({:+.1f} %) of the {:.3f} J that were drawn in the "
      "measured iterations belong to no operator and not to the time between them (at most {:g} % "
      "are well)",
      rail.rail, left, 100 * left / *rail.integral_j, *rail.integral_j, 100 * limit);
}

std::optional<std::string> NegativeWords(const RailEnergy& rail) {
  if (!(rail.inference_j.mean + rail.inference_j.half_width() < 0)) return std::nullopt;
  return fmt::format(
      "{} drew less than nothing while operators ran ({:.4g} J an inference): its sensor is "
      "connected the other way round, or the trace has another sign",
      rail.rail, rail.inference_j.mean);
}

bool IsKnown(const RunReport& report, size_t rail) {
  const std::optional<RailEnergy>& fitted = report.estimates[rail];
  if (fitted && fitted->why_not.empty()) {
    return fitted->inference_j.mean - fitted->inference_j.half_width() > 0;
  }
  return report.attribution.inference.energy_j[rail].value_or(0) > 0;
}

// Nothing where there is a rail of which it is known that it drew anything.
std::optional<std::string> UnknownWords(const RunReport& report) {
  if (report.estimates.empty() || report.attribution.inference.time_s <= 0) return std::nullopt;
  for (size_t rail = 0; rail < report.estimates.size(); ++rail) {
    if (IsKnown(report, rail)) return std::nullopt;
  }
  return "of no rail it is known what an inference took: the readings are too few, all 0, or too "
         "even for their windows; measure more iterations, or look at the sensor";
}

// Of sensors whose stamps are their windows; s. Less may be a counter's own latency.
constexpr double kMostStampsOff = 250e-6;

std::optional<std::string> StampWords(const RailEnergy& rail) {
  if (rail.windows != WindowKind::kKnown || std::abs(rail.delay_s) < kMostStampsOff) {
    return std::nullopt;
  }
  return fmt::format(
      "the readings of {} are explained best if their stamps are {:.3f} ms {}, and were moved by "
      "as much: more than 12 ms are not looked for, and readings that fit no better elsewhere are "
      "not found out; mend the clock that they are stamped by",
      rail.rail, 1e3 * std::abs(rail.delay_s), rail.delay_s > 0 ? "late" : "early");
}

std::optional<std::string> StuckWords(const RailEnergy& rail) {
  if (rail.stuck == 0) return std::nullopt;
  return fmt::format(
      "the sensor of {} said one number through {} of its {} readings while what ran changed: its "
      "register was stuck; they are left out, but the rail's integral has them",
      rail.rail, rail.stuck, rail.readings + rail.stuck);
}

// Below so many steps between what a rail draws in operators and what it draws otherwise, nobody
// could place the windows of its sensor, and they matter little.
constexpr double kLeastMove = 2;

// Whether its power in operators and the one of the idle board, or between operators, are that far
// apart, beyond their intervals.
bool Moves(const RunReport& report, const RailEnergy& rail) {
  const double seconds = report.attribution.inference.time_s;
  const double iterations = static_cast<double>(report.attribution.iterations);
  const std::optional<Estimate>& rest = rail.idle_w ? rail.idle_w : rail.between_w;
  if (!(seconds > 0) || !(iterations > 0) || !rest) return false;
  const double per_s = iterations / seconds;
  const double apart_w = std::abs(rail.inference_j.mean * per_s - rest->mean);
  const double width_w = std::hypot(rail.inference_j.half_width() * per_s, rest->half_width());
  return apart_w - width_w > kLeastMove * rail.step_w;
}

// Names of the rails that move and have windows of this kind.
std::string RailsWith(const RunReport& report, WindowKind kind) {
  std::string rails;
  for (const std::optional<RailEnergy>& rail : report.estimates) {
    if (!rail || !rail->why_not.empty() || rail->windows != kind) continue;
    if (Moves(report, *rail)) rails += (rails.empty() ? "" : ", ") + rail->rail;
  }
  return rails;
}

// Nothing where the windows of all rails that move are known or were found. Not of a run of which
// no iteration was completed.
std::optional<std::string> NotFoundWords(const RunReport& report) {
  const std::string rails = RailsWith(report, WindowKind::kSmeared);
  if (rails.empty()) return std::nullopt;
  return fmt::format(
      "{}: when the sensor converted could not be found from the readings of {} iterations, so "
      "each stands for all of the time in which its conversion may lie: intervals of operators are "
      "wide and may miss; measure more iterations. It is not found either where readings are more "
      "than 12 ms late, or the chip's period is not the stated one (of a sensor file: period_s "
      "within period_tolerance)",
      rails, report.attribution.iterations);
}

// Nothing where they were found from so many iterations.
std::optional<std::string> UnsureWords(const RunReport& report, double limit) {
  const auto iterations = static_cast<double>(report.attribution.iterations);
  const std::string rails = RailsWith(report, WindowKind::kFitted);
  if (rails.empty() || iterations >= limit) return std::nullopt;
  return fmt::format(
      "{}: when the sensor converted was found from the readings of {} iterations (at least {:g} "
      "are well), which other places may explain as well: energies of operators may be off by more "
      "than their intervals; measure more iterations",
      rails, report.attribution.iterations, limit);
}

// What the fit of each rail says of itself.
void JudgeFits(const RunReport& report, const RecordLimits& limits,
               std::vector<std::string>* reasons) {
  const auto add = [&](ReasonCode code, const std::optional<std::string>& words) {
    if (words) reasons->push_back(Reason(code, *words));
  };
  for (const std::optional<RailEnergy>& rail : report.estimates) {
    if (!rail || !rail->why_not.empty()) continue;
    add(ReasonCode::kNegativePower, NegativeWords(*rail));
    add(ReasonCode::kNeverChanged, StuckWords(*rail));
    add(ReasonCode::kStampsLate, StampWords(*rail));
    add(ReasonCode::kDriftBeyondModel, DriftWords(report, *rail, limits.drift));
    add(ReasonCode::kResidualTooLarge, ResidualWords(report, *rail, limits.residual));
    add(ReasonCode::kResidualTooLarge, BooksWords(report, *rail, limits.books));
  }
  add(ReasonCode::kEnergyUnknown, UnknownWords(report));
  add(ReasonCode::kWindowsNotFound, NotFoundWords(report));
  add(ReasonCode::kWindowsUnsure, UnsureWords(report, limits.iterations));
}

}  // namespace

std::vector<NamedLimit> Named(RecordLimits& limits) {
  return {{.name = "overlap", .value = &limits.overlap, .share = true},
          {.name = "idle_shift", .value = &limits.idle_shift, .share = true},
          {.name = "drift", .value = &limits.drift, .share = true},
          {.name = "residual", .value = &limits.residual, .share = true},
          {.name = "books", .value = &limits.books, .share = true},
          {.name = "iterations", .value = &limits.iterations, .highest = 1e6}};
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
  JudgeFits(report, limits, &reasons);
  return reasons;
}

void JudgeRecords(const RecordLimits& limits, RunReport* report) {
  const std::vector<std::string> reasons = RecordReasons(*report, limits);
  for (const std::string& reason : reasons) {
    // An export of the run has said it already.
    const bool known = std::ranges::find(report->reasons, reason) != report->reasons.end();
    if (!known) report->reasons.push_back(reason);
  }
  if (!reasons.empty() && report->verdict == v1::VERDICT_VALID) {
    report->verdict = v1::VERDICT_SUSPECT;
  }
}

}  // namespace synergy
