// What fit, evaluate and predict print for programs (docs/json.md). Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "client/predict/energy_model.h"
#include "client/predict/evaluation.h"

namespace synergy {

nlohmann::ordered_json ModelJson(const EnergyModel& model);
nlohmann::ordered_json EvaluationJson(const Evaluation& evaluation);
// `table`: what was predicted.
nlohmann::ordered_json PredictionsJson(const Predictions& predictions, const FeatureTable& table);

}  // namespace synergy
