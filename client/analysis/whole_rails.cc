#include "client/analysis/whole_rails.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "client/analysis/host_meter.h"
#include "client/analysis/phase_energies.h"
#include "common/printable.h"

namespace synergy {
namespace {

const v1::RailInfo* InfoOf(const RunReport& report, size_t rail) {
  for (const v1::RailInfo& info : report.header.board().rails()) {
    if (info.name() == report.rails()[rail]) return &info;
  }
  return nullptr;
}

bool IsOfMeter(const RunReport& report, size_t rail) {
  return report.meter && std::ranges::any_of(report.meter->rails(), [&](const auto& of_meter) {
           return MeterRailName(of_meter.name()) == report.rails()[rail];
         });
}

}  // namespace

std::vector<size_t> RootRails(const RunReport& report) {
  std::vector<size_t> own, of_meter;
  for (size_t rail = 0; rail < report.rails().size(); ++rail) {
    const v1::RailInfo* const info = InfoOf(report, rail);
    if (info == nullptr || !info->contained_in().empty()) continue;
    (IsOfMeter(report, rail) ? of_meter : own).push_back(rail);
  }
  return own.empty() ? of_meter : own;
}

std::vector<size_t> WholeRails(const RunReport& report) {
  const std::vector<size_t> roots = RootRails(report);
  const auto scope = [&](size_t rail) { return InfoOf(report, rail)->scope(); };
  for (const size_t rail : roots) {
    if (scope(rail) == v1::RAIL_SCOPE_WALL || scope(rail) == v1::RAIL_SCOPE_MODULE) return {rail};
  }
  const bool are_parts = std::ranges::all_of(
      roots, [&](size_t rail) { return scope(rail) == v1::RAIL_SCOPE_COMPONENT; });
  return roots.size() == 1 || are_parts ? roots : std::vector<size_t>();
}

void AddWhole(RunReport* report) {
  WholeInference whole{.rails = WholeRails(*report)};
  if (whole.rails.empty()) return;
  Estimate sum;
  double low = 0, high = 0, off_j = 0;
  bool has_interval = true, is_calibrated = true;
  for (const size_t rail : whole.rails) {
    const InferenceReport& one = report->per_inference[rail];
    if (!one.energy_j) return;  // a sum of what is known would look like the whole
    sum.mean += one.energy_j->mean;
    low = std::hypot(low, one.energy_j->mean - one.energy_j->low);
    high = std::hypot(high, one.energy_j->high - one.energy_j->mean);
    has_interval = has_interval && one.has_interval;
    const double calibration = rail < report->estimates.size() && report->estimates[rail]
                                   ? report->estimates[rail]->calibration
                                   : 0;
    is_calibrated = is_calibrated && calibration > 0;
    off_j += calibration * one.energy_j->mean;
  }
  sum.low = sum.mean - low;
  sum.high = sum.mean + high;
  whole.inference = InferenceOf(*report, sum, has_interval);
  if (is_calibrated && sum.mean > 0) whole.calibration = off_j / sum.mean;
  whole.scope = InfoOf(*report, whole.rails.front())->scope();
  report->whole = std::move(whole);
}

std::string WholeName(const RunReport& report, const WholeInference& whole) {
  constexpr size_t kMostNamed = 4;
  if (whole.rails.size() > kMostNamed) return fmt::format("sum of {} rails", whole.rails.size());
  std::vector<std::string> names;
  for (const size_t rail : whole.rails) names.push_back(report.rails()[rail]);
  return fmt::format("{}", fmt::join(names, " + "));
}

std::string NoWholeRailText(const RunReport& report) {
  const std::optional<size_t> top = report.top_rail();
  if (!top || WholeRails(report).size() == 1) return "";
  return fmt::format("no rail of this board is known to contain the others; {} took the most",
                     Printable(report.rails()[*top], report.rails()[*top].size()));
}

}  // namespace synergy
