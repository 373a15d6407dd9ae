// A run's operators as CSV (RFC 4180, commas, a point in numbers whatever the locale). Pure.
#pragma once

#include <string>
#include <string_view>

#include "client/analysis/run_report.h"

namespace synergy {

// Lines that begin with '#' say what the run is; then a header and a row per operator. Absent
// numbers are empty fields. docs/json.md lists the columns.
std::string ReportCsv(const RunReport& report);

// A text without controls that is no formula (common/csv.h), quoted where it must be.
std::string CsvField(std::string_view text);

}  // namespace synergy
