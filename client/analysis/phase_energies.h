// What a run's phases and one of its inferences cost, with what is known of their errors. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

// Fills in RunReport::phases, per_inference and flops, and makes the totals those of the phases.
// `rails`: the samples of report.rails(), in that order.
void AddPhases(const std::vector<RailPower>& rails, RunReport* report);

// Of such an energy, with what follows from the run's time and FLOPs.
InferenceReport InferenceOf(const RunReport& report, const Estimate& energy_j, bool has_interval);

// The keys `totals` and `per_inference` of the document.
void AddPhasesJson(const RunReport& report, nlohmann::ordered_json* document);

}  // namespace synergy
