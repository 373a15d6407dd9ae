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
    bool wraps = false;  // it may be longer than a line
  };
  std::string caption;
  std::vector<Column> columns;
  bool is_long = false;  // than a page, as that of the operators
  std::vector<std::vector<ResultCell>> rows;
};

struct RunResults {
  std::string title;   // "squeezenet on Jetson TX1 (simulated)"
  std::string notice;  // SIMULATED and why; "" otherwise
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<ResultTable> tables;
};

RunResults ResultsOf(const RunReport& report);

// One line without control characters and what is not seen (common/display_width.h).
std::string TableText(std::string_view text);
// Likewise, and a long one is shortened in its middle.
std::string TableName(std::string_view name);

}  // namespace synergy
