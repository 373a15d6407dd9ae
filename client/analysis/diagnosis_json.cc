#include "client/analysis/diagnosis_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "client/analysis/report_json.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json TextOrNull(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json BoardJson(const v1::BoardInfo& board) {
  ordered_json json;
  json["board_id"] = board.board_id();
  json["name"] = board.name();
  json["title"] = board.title();
  json["simulated"] = board.simulated();
  json["daemon_version"] = board.daemon_version();
  json["kernel"] = board.kernel();
  return json;
}

}  // namespace

const char* ResultName(v1::Diagnosis::Check::Result result) {
  switch (result) {
    case v1::Diagnosis::Check::RESULT_GOOD:
      return "good";
    case v1::Diagnosis::Check::RESULT_LIMITED:
      return "limited";
    case v1::Diagnosis::Check::RESULT_MISSING:
      return "missing";
    default:
      return "unknown";
  }
}

v1::Diagnosis::Check::Result WorstOf(const v1::Diagnosis& diagnosis) {
  auto worst = v1::Diagnosis::Check::RESULT_GOOD;
  for (const auto& check : diagnosis.checks()) worst = std::max(worst, check.result());
  return worst;
}

ordered_json DiagnosisJson(const v1::Diagnosis& diagnosis) {
  ordered_json json;
  json["schema_version"] = kReportSchemaVersion;
  json["board"] = diagnosis.has_board() ? BoardJson(diagnosis.board()) : ordered_json(nullptr);
  json["result"] = ResultName(WorstOf(diagnosis));
  json["checks"] = ordered_json::array();
  for (const auto& check : diagnosis.checks()) {
    ordered_json item;
    item["area"] = check.area();
    item["result"] = ResultName(check.result());
    item["found"] = check.found();
    item["mend"] = TextOrNull(check.mend());
    json["checks"].push_back(std::move(item));
  }
  return json;
}

}  // namespace synergy
