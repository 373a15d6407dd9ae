#include "client/report/estimates_text.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "client/analysis/decimals.h"
#include "client/analysis/estimates.h"
#include "client/report/text_table.h"
#include "common/spec_validation.h"

namespace synergy {
namespace {

// More names than these are counted.
constexpr size_t kMostNames = 4;

std::string Millijoules(const Estimate& e) {
  const double mean = 1e3 * e.mean, half = 1e3 * e.half_width();
  return fmt::format("{0:.{2}f} ± {1:.{2}f} mJ", mean, half, DecimalsOf(mean, half, 3));
}

std::string NamesOf(const RunReport& report, const GroupEnergy& group) {
  std::map<uint32_t, std::string> names;
  for (const OpReport& op : report.ops) names[op.result.op] = op.info.name();
  std::string text;
  for (size_t i = 0; i < group.ops.size() && i < kMostNames; ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", Printable(names[group.ops[i]]));
  }
  if (group.ops.size() <= kMostNames) return text;
  return text + fmt::format(" and {} more", group.ops.size() - kMostNames);
}

std::string DelayOf(const RailEnergy& rail) {
  if (rail.delay_s == 0) return "";
  if (rail.delay_s < 0) return fmt::format("; its stamps are {:.2f} ms early", -1e3 * rail.delay_s);
  return fmt::format("; it shows what was {:.2f} ms before", 1e3 * rail.delay_s);
}

std::string HowFound(const RailEnergy& rail) {
  switch (rail.windows) {
    case WindowKind::kKnown:
      return "windows known" + DelayOf(rail);
    case WindowKind::kFitted:
      return fmt::format("the sensor's cycle fitted: {:.4f} ms, its place known to {:.1f} us{}",
                         1e3 * rail.period_s, 1e6 * rail.place_sd_s, DelayOf(rail));
    case WindowKind::kSmeared:
      return "the windows' places in the sensor's cycle could not be found" + DelayOf(rail);
    case WindowKind::kFiltered:
      return "behind the sensor's filter";
  }
  return "";
}

std::string NoiseOf(const RailEnergy& rail) {
  if (HasSteps(rail)) {
    return fmt::format("{} readings of {:.3g} mW a step, {:.2f} steps of noise", rail.used,
                       1e3 * rail.step_w, rail.noise_steps);
  }
  return fmt::format("{} readings, {:.3g} W of noise", rail.used, rail.noise_steps * rail.step_w);
}

std::string Books(const RailEnergy& rail) {
  if (!rail.integral_j || !(*rail.integral_j > 0)) return "";
  const double left = *rail.integral_j - rail.operators_j - rail.between_j;
  const double percent = 100 / *rail.integral_j;
  return fmt::format(
      "  operators {:.3f} J + between them {:.3f} J + unattributed {:.3f} J\n"
      "  ({:.2f} %) = {:.3f} J; readings are {:.3f} J ({:.2f} %) off from these powers\n",
      rail.operators_j, rail.between_j, left, percent * left, *rail.integral_j, rail.residual_j,
      percent * rail.residual_j);
}

}  // namespace

std::string MeanCell(const std::optional<double>& mean, const std::optional<Estimate>& estimate,
                     double factor) {
  if (!mean) return "-";
  const double half = estimate ? factor * estimate->half_width() : 0;
  return fmt::format("{:.{}f}", factor * *mean, DecimalsOf(factor * *mean, half, 3));
}

std::string EnergyCell(const RunReport& report, const OpReport& op, size_t rail) {
  const std::optional<double>& mean = op.result.mean_energy_j[rail];
  if (mean) {
    const bool known = rail < op.estimate.size() && op.estimate[rail].has_value();
    return MeanCell(mean, known ? op.estimate[rail]->energy_j : std::nullopt, 1e3);
  }
  if (rail >= op.estimate.size() || !op.estimate[rail] || !op.estimate[rail]->group) return "-";
  return fmt::format("g{}", GroupId(report, rail, *op.estimate[rail]->group));
}

std::string IntervalCell(const OpReport& op, size_t rail) {
  if (rail >= op.estimate.size() || !op.estimate[rail] || !op.estimate[rail]->energy_j) return "-";
  return HalfWidthPercent(op.estimate[rail]->energy_j);
}

std::string HalfWidthPercent(const std::optional<Estimate>& e) {
  if (!e || !(e->mean > 0)) return "-";
  const double percent = 100 * e->half_width() / e->mean;
  return fmt::format("{:.{}f}", percent, DecimalsOf(100, percent, 2));
}

std::string WhatWouldHelp(const GroupEnergy& group) {
  if (!group.more_iterations) return "the sensor's filter is slower than they are";
  if (*group.more_iterations > kMaxIterations)
    return "no run would be long enough to tell them apart";
  return fmt::format("at least {} more iterations would tell them apart", *group.more_iterations);
}

std::string TogetherText(const RunReport& report, std::optional<size_t> only) {
  std::string text;
  for (size_t rail = 0; rail < report.estimates.size(); ++rail) {
    if (!report.estimates[rail] || rail != only.value_or(rail)) continue;
    const std::vector<GroupEnergy>& groups = report.estimates[rail]->groups;
    for (size_t i = 0; i < groups.size(); ++i) {
      text += fmt::format("g{}: {} {} for {} together; {}\n", GroupId(report, rail, i),
                          Printable(report.rails()[rail]), Millijoules(groups[i].energy_j),
                          NamesOf(report, groups[i]), WhatWouldHelp(groups[i]));
    }
  }
  return text;
}

std::string EstimatesText(const RunReport& report, std::optional<size_t> only) {
  std::string text;
  for (size_t i = 0; i < report.estimates.size(); ++i) {
    const std::optional<RailEnergy>& rail = report.estimates[i];
    if (i != only.value_or(i)) continue;
    if (!rail) {
      text += fmt::format(
          "{}: integrated, without intervals: which time its readings take together is not known\n",
          Printable(report.rails()[i]));
      continue;
    }
    if (!rail->why_not.empty()) {
      text += fmt::format("{}: the whole network only: {}\n", Printable(rail->rail),
                          Printable(rail->why_not));
      continue;
    }
    text +=
        fmt::format("{}: {} an inference", Printable(rail->rail), Millijoules(rail->inference_j));
    if (rail->calibration > 0) {
      text += fmt::format(" (calibration: within {:.2f} % on top)", 100 * rail->calibration);
    }
    text += fmt::format("\n  {}\n  {}\n{}", NoiseOf(*rail), HowFound(*rail), Books(*rail));
  }
  return text;
}

}  // namespace synergy
