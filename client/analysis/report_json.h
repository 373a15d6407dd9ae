// A run as a JSON document; docs/json.md describes every field. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "client/analysis/run_report.h"

namespace synergy {

// Grows by one with every change that a reader of the old documents could stumble over.
inline constexpr int kReportSchemaVersion = 2;

// Fields in the documented order. Absent numbers are null.
nlohmann::ordered_json ReportJson(const RunReport& report);
// With what the store and the job say besides: the run's number, its pauses.
nlohmann::ordered_json RunDocument(int64_t number, const RunReport& report);

// The fields of the objects `rails[i]` and of a board's rails elsewhere.
nlohmann::ordered_json RailJson(const v1::RailInfo& rail);

// The document's text: indented, UTF-8 (bytes of names that are none are replaced), with a newline
// at its end, the same under every locale.
std::string JsonText(const nlohmann::ordered_json& document);

// 2024-05-01T12:00:00.123Z
std::string UtcText(int64_t unix_ns);

}  // namespace synergy
