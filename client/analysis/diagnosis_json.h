// A diagnosis as JSON (docs/json.md).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "synergy/v1/diagnosis.pb.h"

namespace synergy {

// "good", "limited", "missing"; "unknown" for what this version does not know.
const char* ResultName(v1::Diagnosis::Check::Result result);
// The worst result of all checks; good where there are none.
v1::Diagnosis::Check::Result WorstOf(const v1::Diagnosis& diagnosis);

nlohmann::ordered_json DiagnosisJson(const v1::Diagnosis& diagnosis);

}  // namespace synergy
