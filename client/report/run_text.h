// A run as text for people: what was measured and how, a row per operator, by type, totals. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

// A column that is added to the operators' table, its cells by operator index.
struct ExtraColumn {
  std::string title;
  std::map<uint32_t, std::string> cells;
};

struct RunTextOptions {
  int64_t number = 0;  // of the run in the store
  std::vector<ExtraColumn> extra_columns;
  bool counts = false;  // a column for each event that was counted
  bool color = false;   // ANSI colours for verdict and warnings
  size_t width = 0;     // of the terminal, in characters; 0: tables may be as wide as they are
};

// Operators stand in the order of report.ops.
std::string RunText(const RunReport& report, const RunTextOptions& options);

}  // namespace synergy
