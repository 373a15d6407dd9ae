#include "client/report/comparison_text.h"

#include <fmt/format.h>

#include <cmath>

#include "client/report/text_table.h"

namespace synergy {

std::string MetricText(Metric metric, double value) {
  if (metric == Metric::kEnergy) return fmt::format("{:.4g} mJ", 1e3 * value);
  return metric == Metric::kTime ? fmt::format("{:.4g} ms", 1e3 * value)
                                 : fmt::format("{:.4g} mJs", 1e3 * value);
}

std::string PercentText(double log) {
  const double percent = 100 * RatioLess1(log);
  // Of two or three pairs a bound may be anything.
  return percent < 1e6 ? fmt::format("{:+.2f} %", percent) : "over +1000000 %";
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
    const Increase& increase = *value.increase;
    const double a = std::exp(increase.log_baseline), b = std::exp(increase.log_candidate);
    const double t = (increase.Bound(0.975) - increase.log) / increase.se;
    const double half =
        increase.se > 0 ? t * std::hypot(a * increase.se_baseline, b * increase.se_candidate) : 0;
    table.AddRow({level, name, MetricText(comparison.metric, a), MetricText(comparison.metric, b),
                  fmt::format("{} ± {}", MetricText(comparison.metric, b - a),
                              MetricText(comparison.metric, half)),
                  PercentText(increase.log),
                  fmt::format("{} to {}", PercentText(increase.Bound(0.025)),
                              PercentText(increase.Bound(0.975)))});
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
