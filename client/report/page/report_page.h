// The page of `synergyctl report` and of `evaluate -o`: one HTML file with its script, its styles
// and its data, which opens without a network. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

// What the page knows of a run: the document of `show --json`, its timeline (run_timeline.h), what
// was published of its network, and the sentence to show where it is simulated.
nlohmann::ordered_json PageRun(int64_t number, const RunReport& report,
                               nlohmann::ordered_json timeline);

// The whole file, of at least one run. Whatever the runs' names hold, nothing of it ends the block
// of data: "<" does not occur in it.
std::string ReportPage(const std::vector<nlohmann::ordered_json>& runs);

// Likewise of the document of `evaluate --json`. Of a family's operators those of the most energy
// are in it, as many as a browser shows easily. `notice`: the sentence to show where energies are
// simulated; "": they are not.
inline constexpr size_t kMostPageOperators = 1000;
std::string EvaluationPage(nlohmann::ordered_json document, const std::string& notice);

// Of the file, around its data; made by client/report/web/bundle.py.
std::string_view ReportPageHead();
std::string_view ReportPageTail();

}  // namespace synergy
