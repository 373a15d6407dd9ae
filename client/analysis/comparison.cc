#include "client/analysis/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace synergy {
namespace {

using nlohmann::ordered_json;
using Key = std::pair<Level, std::string>;
using Values = std::map<Key, std::optional<RunValue>>;

std::vector<NamedValue> ListOf(const RunReport& report, const std::string& rail, Metric metric) {
  const auto found = std::ranges::find(report.rails(), rail);
  if (metric != Metric::kTime && found == report.rails().end()) return {};
  return ValuesOf(report, static_cast<size_t>(found - report.rails().begin()), metric);
}

std::vector<Values> ValuesOfAll(const std::vector<const RunReport*>& runs, const std::string& rail,
                                Metric metric) {
  std::vector<Values> all;
  for (const RunReport* run : runs) {
    Values& values = all.emplace_back();
    for (NamedValue& value : ListOf(*run, rail, metric)) {
      values[{value.level, value.name}] = value.value;
    }
  }
  return all;
}

// Of the runs that know it.
std::vector<RunValue> Known(const std::vector<Values>& all, const Key& key) {
  std::vector<RunValue> known;
  for (const Values& values : all) {
    const auto found = values.find(key);
    if (found != values.end() && found->second) known.push_back(*found->second);
  }
  return known;
}

ordered_json OrNull(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

}  // namespace

double RatioLess1(double log) { return std::expm1(log); }

Comparison CompareRuns(const ComparedRuns& runs, const std::string& rail, Metric metric,
                       double assumed_sd) {
  Comparison comparison{
      .rail = metric == Metric::kTime ? "" : rail, .metric = metric, .values = {}};
  const auto baseline = ValuesOfAll(runs.baseline, rail, metric);
  const auto candidate = ValuesOfAll(runs.candidate, rail, metric);
  const auto others = ValuesOfAll(runs.others, rail, metric);
  for (const NamedValue& named : ListOf(*runs.baseline.front(), rail, metric)) {
    const Key key(named.level, named.name);
    ComparedValue& value = comparison.values.emplace_back();
    value.level = named.level;
    value.name = named.name;
    const std::vector<RunValue> a = Known(baseline, key), b = Known(candidate, key);
    if (a.size() < runs.baseline.size() || b.size() < runs.candidate.size()) continue;
    std::vector<RunValue> scatter = a;
    if (runs.needs_others()) {
      const std::vector<RunValue> more = Known(others, key);
      scatter.insert(scatter.end(), more.begin(), more.end());
    }
    value.spread = SpreadOf({scatter, b}, assumed_sd);
    value.increase = IncreaseOf(a, b, value.spread);
  }
  return comparison;
}

std::string SpreadText(const ComparedRuns& runs, const RunSpread& spread) {
  const double percent = 100 * std::sqrt(spread.variance);
  if (spread.assumed) {
    return fmt::format(
        "ASSUMED: runs differ by {:.2g} % (standard deviation, --between-run), beside what each "
        "tells "
        "of itself; several runs a side (tag RUN NAME --add) would measure it",
        percent);
  }
  return fmt::format("runs scatter by {:.2g} % (standard deviation, {} degrees of freedom{})",
                     percent, spread.degrees_of_freedom,
                     runs.needs_others() ? ", from stored runs like the baseline" : "");
}

ordered_json ComparedJson(const ComparedValue& value) {
  ordered_json json;
  json["level"] = LevelName(value.level);
  json["name"] = value.name.empty() ? ordered_json(nullptr) : ordered_json(value.name);
  for (const char* key : {"baseline", "candidate", "increase", "spread"}) json[key] = nullptr;
  if (!value.increase) return json;
  const Increase& increase = *value.increase;
  json["baseline"] = std::exp(increase.log_baseline);
  json["candidate"] = std::exp(increase.log_candidate);
  json["increase"] = {{"mean", RatioLess1(increase.log)},
                      {"ci95", ordered_json::array({RatioLess1(increase.Bound(0.025)),
                                                    RatioLess1(increase.Bound(0.975))})}};
  json["spread"] = {{"sd", std::sqrt(value.spread.variance)},
                    {"degrees_of_freedom", OrNull(value.spread.degrees_of_freedom)},
                    {"assumed", value.spread.assumed}};
  return json;
}

ordered_json ComparisonJson(const Comparison& comparison) {
  ordered_json json;
  json["rail"] = comparison.rail.empty() ? ordered_json(nullptr) : ordered_json(comparison.rail);
  json["metric"] = MetricName(comparison.metric);
  json["values"] = ordered_json::array();
  for (const ComparedValue& value : comparison.values)
    json["values"].push_back(ComparedJson(value));
  return json;
}

ordered_json DifferencesJson(const std::vector<RunDifference>& differences) {
  ordered_json json = ordered_json::array();
  for (const RunDifference& difference : differences) {
    json.push_back({{"what", difference.what},
                    {"baseline", difference.a},
                    {"candidate", difference.b},
                    {"comparable", !difference.compares_otherwise}});
  }
  return json;
}

}  // namespace synergy
