#include "client/report/conditions_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <vector>

#include "client/report/text_table.h"
#include "common/frequency.h"

namespace synergy {
namespace {

std::string HertzText(int64_t hz) { return FormatFrequency(Frequency{(hz + 500) / 1000}); }

std::string Line(const char* what, const std::vector<std::string>& items) {
  return items.empty() ? "" : fmt::format("  {:<8} {}\n", what, fmt::join(items, ", "));
}

std::string ClockLine(const RunConditions& conditions) {
  std::vector<std::string> items;
  for (const ClockRange& clock : conditions.clocks) {
    std::string text = clock.highest_hz ? HertzText(*clock.highest_hz) : "unknown";
    if (clock.lowest_hz != clock.highest_hz) {
      text = fmt::format("{} to {}", HertzText(*clock.lowest_hz), text);
    }
    items.push_back(fmt::format("{} {}{}", Printable(clock.clock), text,
                                clock.unread && clock.highest_hz ? " (for a while unknown)" : ""));
  }
  return Line("ran at", items);
}

std::string TemperatureLine(const RunConditions& conditions) {
  std::vector<std::string> items;
  for (const TemperatureRange& zone : conditions.temperatures) {
    items.push_back(fmt::format("{} {:.1f} to {:.1f} C (at most {:.1f})", Printable(zone.zone),
                                zone.begin_c, zone.end_c, zone.highest_c));
  }
  return Line("warmth", items);
}

std::string ThrottleLine(const RunConditions& conditions) {
  std::vector<std::string> items;
  for (const ThrottleChange& throttle : conditions.throttles) {
    if (!throttle.Throttled() || throttle.IsCore()) continue;
    items.push_back(fmt::format("{} from {} to {}", Printable(throttle.what), throttle.begin,
                                throttle.highest));
  }
  return Line("THROTTLED", items);
}

std::string CoreLine(const RunConditions& conditions) {
  std::vector<std::string> items;
  for (const ThrottleChange& core : conditions.throttles) {
    if (core.IsCore() && core.Throttled()) items.push_back(Printable(core.what));
  }
  return items.empty() ? ""
                       : Line("cores", {fmt::format("{} for a while", fmt::join(items, ", "))});
}

std::optional<double> TopRail(const RunReport& report,
                              const std::vector<std::optional<double>>& by_rail) {
  const std::optional<size_t> rail = report.top_rail();
  return rail && *rail < by_rail.size() ? by_rail[*rail] : std::nullopt;
}

std::string IdleLine(const RunReport& report) {
  std::vector<std::string> items;
  const auto add = [&](const char* when, const std::optional<IdlePower>& idle) {
    const std::optional<double> power = idle ? TopRail(report, idle->power_w) : std::nullopt;
    if (!power) return;
    const std::optional<double> width = TopRail(report, idle->half_width_w);
    items.push_back(fmt::format("{:.3f}{} W {} the job ({:.2f} s)", *power,
                                width ? fmt::format(" ± {:.3f}", *width) : "", when, idle->time_s));
  };
  add("before", report.conditions.idle_before);
  add("after", report.conditions.idle_after);
  if (items.empty()) return "";
  items.back() += fmt::format(" on {}", Printable(report.rails()[*report.top_rail()]));
  return Line("idle", items);
}

}  // namespace

std::string ConditionsText(const RunReport& report) {
  const RunConditions& conditions = report.conditions;
  return ClockLine(conditions) + TemperatureLine(conditions) + ThrottleLine(conditions) +
         CoreLine(conditions) + IdleLine(report);
}

}  // namespace synergy
