// A run's results as tables for papers and pull requests, without a format: what was measured, an
// inference by rail, types, operators. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

// A text, or a number with as many digits as its interval leaves; an absent number has neither.
struct ResultCell {
  std::string text = {};
  std::string number = {};
  std::string half_width = {};  // of its 95 % interval
};

struct ResultTable {
  struct Column {
    std::string title;  // with its unit
    bool is_text = false;
  };
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<ResultCell>> rows;
};

struct RunResults {
  std::string title;   // "squeezenet on Jetson TX1 (simulated)"
  std::string notice;  // SIMULATED and why; "" otherwise
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<ResultTable> tables;
};

RunResults ResultsOf(const RunReport& report);

// One line without control characters and marks that turn the direction of what follows; longer
// names are shortened in their middle.
std::string TableText(std::string_view text);

}  // namespace synergy
