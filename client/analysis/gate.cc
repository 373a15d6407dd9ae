#include "client/analysis/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "client/analysis/paired_sequence.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

constexpr const char* kOperatorsAssumed =
    "operators are not decided by one run of each side: how much each of them differs from run to "
    "run is not known. Collect several runs (synergyctl tag RUN NAME --add), or measure job files "
    "in turns";

GateDecision DecisionOf(const GateRow& row, double log_limit) {
  if (row.log_low > log_limit) return GateDecision::kFail;
  return row.log_high < log_limit ? GateDecision::kPass : GateDecision::kInconclusive;
}

// Of all rows; `against` forbids a decision.
void Conclude(GateResult* result) {
  const auto any = [&](GateDecision decision) {
    return std::ranges::any_of(result->rows,
                               [&](const GateRow& row) { return row.decision == decision; });
  };
  result->decision = any(GateDecision::kFail)           ? GateDecision::kFail
                     : any(GateDecision::kInconclusive) ? GateDecision::kInconclusive
                                                        : GateDecision::kPass;
  if (result->against.empty()) return;
  result->decision = GateDecision::kInconclusive;
  for (GateRow& row : result->rows) row.decision = GateDecision::kWithheld;
}

// Rows, and by how much each of them costs more.
struct Judged {
  std::vector<GateRow> rows;
  std::vector<Increase> increases;
};

void JudgeRows(const GateRule& rule, Judged* judged) {
  const double log_limit = std::log1p(rule.max_increase);
  std::vector<double> above, below;
  for (const Increase& increase : judged->increases) {
    above.push_back(increase.ProbabilityAbove(log_limit));
    below.push_back(1 - above.back());
  }
  const std::vector<double> fail_levels = HolmLevels(above, rule.point_alpha());
  const std::vector<double> pass_levels = HolmLevels(below, rule.point_alpha());
  for (size_t i = 0; i < judged->rows.size(); ++i) {
    GateRow& row = judged->rows[i];
    const Increase& increase = judged->increases[i];
    row.log = increase.log;
    row.log_low = increase.Bound(fail_levels[i]);
    row.log_high = increase.Bound(1 - pass_levels[i]);
    row.log_detectable = increase.DetectableLog(std::max(fail_levels[i], pass_levels[i]));
    row.log_baseline = increase.log_baseline;
    row.log_candidate = increase.log_candidate;
    row.decision = DecisionOf(row, log_limit);
  }
}

std::string NotKnown(Metric metric, const std::string& rail) {
  return fmt::format(
      "the {} of the network{}{} is not known in each run: synergyctl show RUN says why. "
      "Choose another --rail, or measure again.",
      MetricName(metric), rail.empty() ? "" : " on ", rail);
}

std::vector<const ComparedValue*> ValuesToJudge(const Comparison& comparison, bool per_op) {
  std::vector<const ComparedValue*> judged;
  for (const ComparedValue& value : comparison.values) {
    if (value.level == Level::kNetwork || (per_op && value.level == Level::kOperator)) {
      judged.push_back(&value);
    }
  }
  return judged;
}

// Where the mean of all pairs has left what the first ones said of it, they are not of one
// increase: something changed on the way, and no interval holds. The one shown is of all pairs
// alone.
void JudgeSequence(const PairedSequence& sequence, double log_limit, GateRow* row) {
  row->log = sequence.mean();
  row->log_low = sequence.low();
  row->log_high = sequence.high();
  row->one_increase = row->log_low <= row->log && row->log <= row->log_high;
  if (row->one_increase) {
    row->decision = DecisionOf(*row, log_limit);
  } else {
    row->log_low = sequence.mean() - sequence.half_width();
    row->log_high = sequence.mean() + sequence.half_width();
  }
  row->log_detectable = (row->log_high - row->log_low) / 2;
}

// Nothing: not known in each pair.
std::optional<GateRow> PairedRow(const ComparedValue& of, const std::vector<Comparison>& pairs,
                                 double alpha, double log_limit) {
  GateRow row{.level = of.level, .name = of.name};
  PairedSequence sequence(alpha);
  const double share = 1 / static_cast<double>(pairs.size());
  for (const Comparison& pair : pairs) {
    const auto value = std::ranges::find_if(pair.values, [&](const ComparedValue& other) {
      return other.level == of.level && other.name == of.name;
    });
    if (value == pair.values.end() || !value->increase) return std::nullopt;
    sequence.Add(value->increase->log);
    row.log_baseline += share * value->increase->log_baseline;
    row.log_candidate += share * value->increase->log_candidate;
  }
  JudgeSequence(sequence, log_limit, &row);
  return row;
}

// null where there is no bound.
ordered_json ShareJson(double log) {
  return std::isfinite(log) ? ordered_json(RatioLess1(log)) : ordered_json(nullptr);
}

}  // namespace

std::string_view DecisionName(GateDecision decision) {
  if (decision == GateDecision::kPass) return "PASS";
  if (decision == GateDecision::kWithheld) return "-";
  return decision == GateDecision::kFail ? "FAIL" : "INCONCLUSIVE";
}

GateResult JudgeGate(const Comparison& comparison, const ComparedRuns& runs, const GateRule& rule,
                     bool per_op, std::vector<std::string> against) {
  GateResult result{.rule = rule, .metric = comparison.metric, .rail = comparison.rail};
  result.against = std::move(against);
  Judged known, assumed;
  bool network = false;
  for (const ComparedValue* value : ValuesToJudge(comparison, per_op)) {
    if (!value->increase) {
      result.unknown += value->level == Level::kOperator ? 1 : 0;
      continue;
    }
    if (value->level == Level::kNetwork) {
      network = true;
      result.spread = SpreadText(runs, value->spread);
    }
    const bool is_assumed = value->level == Level::kOperator && value->spread.assumed;
    Judged& judged = is_assumed ? assumed : known;
    judged.rows.push_back({.level = value->level, .name = value->name});
    judged.increases.push_back(*value->increase);
  }
  if (!network) result.against.push_back(NotKnown(comparison.metric, comparison.rail));
  JudgeRows(rule, &known);
  JudgeRows(rule, &assumed);
  for (GateRow& row : assumed.rows) row.decision = GateDecision::kInconclusive;
  if (!assumed.rows.empty()) result.notes.emplace_back(kOperatorsAssumed);
  result.rows = std::move(known.rows);
  std::ranges::move(assumed.rows, std::back_inserter(result.rows));
  if (result.rows.size() > 1) result.correction = "Holm";
  Conclude(&result);
  return result;
}

GateResult JudgePairs(const ComparedRuns& runs, const std::string& rail, Metric metric,
                      const GateRule& rule, bool per_op, std::vector<std::string> against) {
  GateResult result{.rule = rule, .metric = metric, .rail = rail};
  result.against = std::move(against);
  std::vector<Comparison> pairs;
  for (size_t i = 0; i < std::min(runs.baseline.size(), runs.candidate.size()); ++i) {
    pairs.push_back(CompareRuns({.baseline = {runs.baseline[i]}, .candidate = {runs.candidate[i]}},
                                rail, metric, /*assumed_sd=*/0));
  }
  // Their number must not depend on what was seen since, so those that are not known count, too.
  const std::vector<const ComparedValue*> judged = ValuesToJudge(pairs.front(), per_op);
  for (const ComparedValue* value : judged) {
    std::optional<GateRow> row =
        PairedRow(*value, pairs, rule.point_alpha() / static_cast<double>(judged.size()),
                  std::log1p(rule.max_increase));
    if (row) {
      if (!row->one_increase) {
        result.notes.push_back(fmt::format(
            "{}: the pairs are not of one increase: it changed while they were measured (clocks, "
            "other work, a board that was cold at first), so nothing is decided by them; measure "
            "again",
            row->level == Level::kNetwork ? "network" : row->name));
      }
      result.rows.push_back(*std::move(row));
    } else {
      result.unknown += value->level == Level::kOperator ? 1 : 0;
    }
  }
  if (result.rows.empty() || result.rows.front().level != Level::kNetwork) {
    result.against.push_back(NotKnown(metric, rail));
  }
  if (judged.size() > 1) result.correction = "Bonferroni";
  const uint64_t least =
      PairedSequence::LeastPairs(rule.point_alpha() / static_cast<double>(judged.size()));
  result.spread = fmt::format("{} {}; the interval holds however often it is looked at",
                              pairs.size(), pairs.size() == 1 ? "pair" : "pairs");
  if (pairs.size() < least) {
    result.spread += fmt::format("; {} pairs at least to decide anything", least);
    if (judged.size() > 1) result.spread += fmt::format(" over {} values", judged.size());
  }
  Conclude(&result);
  return result;
}

GateDecision DecisionOf(const std::vector<GateResult>& points) {
  const auto is = [](GateDecision decision) {
    return [decision](const GateResult& point) { return point.decision == decision; };
  };
  if (std::ranges::any_of(points, is(GateDecision::kFail))) return GateDecision::kFail;
  return std::ranges::all_of(points, is(GateDecision::kPass)) ? GateDecision::kPass
                                                              : GateDecision::kInconclusive;
}

GateResult NotMeasured(const GateResult& failed, std::string point) {
  return {
      .rule = failed.rule,
      .point = std::move(point),
      .measured = false,
      .metric = failed.metric,
      .rail = failed.rail,
      .against = {fmt::format("not measured: {} had failed, and with it the gate", failed.point)},
      .simulated = failed.simulated};
}

ordered_json GateJson(const GateResult& result) {
  ordered_json json;
  json["simulated"] = !result.simulated.empty();
  json["measured"] = result.measured;
  json["decision"] = DecisionName(result.decision);
  json["metric"] = MetricName(result.metric);
  json["rail"] = result.rail.empty() ? ordered_json(nullptr) : ordered_json(result.rail);
  json["max_increase"] = result.rule.max_increase;
  json["alpha"] = result.rule.point_alpha();
  json["correction"] =
      result.correction.empty() ? ordered_json(nullptr) : ordered_json(result.correction);
  json["between_runs"] = result.spread;
  json["against"] = result.against;
  json["notes"] = result.notes;
  json["unknown_operators"] = result.unknown;
  json["values"] = ordered_json::array();
  for (const GateRow& row : result.rows) {
    ordered_json item;
    item["level"] = LevelName(row.level);
    item["name"] = row.name.empty() ? ordered_json(nullptr) : ordered_json(row.name);
    item["decision"] = row.decision == GateDecision::kWithheld
                           ? ordered_json(nullptr)
                           : ordered_json(DecisionName(row.decision));
    item["baseline"] = std::exp(row.log_baseline);
    item["candidate"] = std::exp(row.log_candidate);
    item["increase"] = RatioLess1(row.log);
    item["interval"] = ordered_json::array({ShareJson(row.log_low), ShareJson(row.log_high)});
    item["minimum_detectable_change"] = ShareJson(row.log_detectable);
    json["values"].push_back(std::move(item));
  }
  return json;
}

}  // namespace synergy
