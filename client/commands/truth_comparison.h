// How far a simulated run's estimates are from its truth. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"
#include "client/report/run_text.h"
#include "synergy/v1/device.pb.h"

namespace synergy {

// Of the mean execution of one operator, by rail in the report's order.
struct OperatorComparison {
  uint32_t op = 0;
  RailEnergies truth_j;
  RailEnergies
      error;  // (estimate - truth) / truth; absent where the truth is 0 or a part is unknown
};

struct RailComparison {
  std::optional<double> mean_error;   // mean of the operators' |error|
  std::optional<double> worst_error;  // the largest |error|
  uint32_t worst_op = 0;
  std::optional<double> total_error;  // of the sum over all operators, signed
};

struct TruthComparison {
  std::vector<OperatorComparison> ops;  // in the report's order
  std::vector<RailComparison> rails;
};

// Operators without truth have no numbers. Rails are matched by name.
TruthComparison CompareWithTruth(const RunReport& report, const v1::RunTruth& truth);

// `truth_j` and `error` into each op of a ReportJson document, and a `truth` object at its end.
void AddTruth(const RunReport& report, const TruthComparison& comparison,
              nlohmann::ordered_json* document);

// Columns for RunText: truth and error on the top rail.
std::vector<ExtraColumn> TruthColumns(const RunReport& report, const TruthComparison& comparison);
// A line per rail: mean and worst error, and that of the sum.
std::string TruthText(const RunReport& report, const TruthComparison& comparison);

}  // namespace synergy
