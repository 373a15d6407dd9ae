// What fit, evaluate and predict show in a terminal. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "client/predict/energy_model.h"
#include "client/predict/evaluation.h"

namespace synergy {

// Terms with their coefficients and standard errors, part by part.
std::string ModelText(const EnergyModel& model, size_t width);
// Families side by side, then each network by the best one. `rail`: of the energies; "": not known.
// `width`: of the terminal; 0: as wide as it is.
std::string EvaluationsText(const std::vector<Evaluation>& evaluations, const std::string& rail,
                            size_t width);
// A line a network; with its operators where there is one.
std::string PredictionsText(const Predictions& predictions, const FeatureTable& table,
                            const std::string& rail, size_t width);

}  // namespace synergy
