#include "client/report/comparison_text.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "client/analysis/decimals.h"
#include "client/report/text_table.h"

namespace synergy {

namespace {

const char* UnitOf(Metric metric) {
  if (metric == Metric::kEnergy) return "mJ";
  return metric == Metric::kTime ? "ms" : "mJs";
}

double Percent(double log) { return 100 * RatioLess1(log); }

// As far as its half-width lets it be known.
std::string KnownText(Metric metric, double value, double half) {
  if (!(half > 0)) return MetricText(metric, value);
  return fmt::format("{:.{}f} {}", 1e3 * value, DecimalsOf(1e3 * value, 1e3 * half),
                     UnitOf(metric));
}

std::vector<std::string> KnownCells(Metric metric, const Increase& increase) {
  const double a = std::exp(increase.log_baseline), b = std::exp(increase.log_candidate);
  const double low = increase.Bound(0.025), high = increase.Bound(0.975);
  const double t = increase.se > 0 ? (high - increase.log) / increase.se : 0;
  const double half_a = t * a * increase.se_baseline, half_b = t * b * increase.se_candidate;
  const double half = std::hypot(half_a, half_b);
  const double spread = 0.5 * (Percent(high) - Percent(low));
  const int decimals = increase.se > 0 ? DecimalsOf(100, spread) : 2;
  return {KnownText(metric, a, half_a), KnownText(metric, b, half_b),
          fmt::format("{} ± {}", KnownText(metric, b - a, half), KnownText(metric, half, half)),
          PercentText(increase.log, decimals),
          fmt::format("{} to {}", PercentText(low, decimals), PercentText(high, decimals))};
}

}  // namespace

std::string MetricText(Metric metric, double value) {
  return fmt::format("{:.4g} {}", 1e3 * value, UnitOf(metric));
}

std::string PercentText(double log, int decimals) {
  const double percent = Percent(log);
  // Of two or three pairs a bound may be anything.
  return percent < 1e6 ? fmt::format("{:+.{}f} %", percent, decimals) : "over +1000000 %";
}

std::string ComparisonText(const Comparison& comparison, size_t width) {
  TextTable table({{"", TextTable::Align::kLeft},
                   {"name", TextTable::Align::kLeft},
                   {"baseline"},
                   {"candidate"},
                   {"difference"},
                   {"increase"},
                   {"95 % interval", TextTable::Align::kLeft}});
  for (const ComparedValue& value : comparison.values) {
    const std::string level(LevelName(value.level)), name = Printable(value.name);
    if (!value.increase) {
      table.AddRow({level, name, "-", "-", "-", "-", "not known alone in each run"});
      continue;
    }
    std::vector<std::string> cells = KnownCells(comparison.metric, *value.increase);
    cells.insert(cells.begin(), {level, name});
    table.AddRow(std::move(cells));
  }
  return fmt::format("{}{}{}\n{}", MetricName(comparison.metric),
                     comparison.rail.empty() ? "" : " on ", Printable(comparison.rail),
                     table.Text(width, 2));
}

std::string DifferencesText(const std::vector<RunDifference>& differences) {
  std::string text;
  for (const RunDifference& difference : differences) {
    text += fmt::format("{}: {} -> {}\n", difference.what, Printable(difference.a),
                        Printable(difference.b));
  }
  return text.empty() ? "" : "what differs:\n" + text;
}

}  // namespace synergy
