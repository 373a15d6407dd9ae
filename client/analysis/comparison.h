// Two sets of runs side by side, value by value, as `compare` shows them and `gate` judges them.
// Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/analysis/increase.h"
#include "client/analysis/run_report.h"
#include "client/analysis/run_values.h"

namespace synergy {

struct ComparedRuns {
  std::vector<const RunReport*> baseline, candidate;  // at least one each
  // More runs of the baseline's kind: they tell how much runs scatter and nothing else. Used where
  // neither side has two.
  std::vector<const RunReport*> others = {};

  bool needs_others() const { return baseline.size() < 2 && candidate.size() < 2; }
};

struct ComparedValue {
  Level level = Level::kNetwork;
  std::string name = {};
  RunSpread spread = {};
  std::optional<Increase> increase = {};  // absent: not known in each run of both sides
};

struct Comparison {
  std::string rail = {};  // "" of time
  Metric metric = Metric::kEnergy;
  std::vector<ComparedValue> values = {};  // those that the baseline's first run has
};

// By the rail's name, "" for the metric time; a rail that a run does not have has no values.
Comparison CompareRuns(const ComparedRuns& runs, const std::string& rail, Metric metric,
                       double assumed_sd);

// "runs scatter by 0.8 % (5 degrees of freedom)": where the spread of the network comes from.
std::string SpreadText(const ComparedRuns& runs, const RunSpread& spread);

// Keys `level`, `name`, `baseline`, `candidate`, `increase`, `spread`.
nlohmann::ordered_json ComparedJson(const ComparedValue& value);
nlohmann::ordered_json ComparisonJson(const Comparison& comparison);
nlohmann::ordered_json DifferencesJson(const std::vector<RunDifference>& differences);

// 0.021 of a logarithm of 0.0208.
double RatioLess1(double log);

}  // namespace synergy
