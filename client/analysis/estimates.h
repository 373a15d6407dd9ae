// The energies of the method least-squares in a run's report. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

// Takes the place of the energies that the report's operators have, on every rail of the board.
void AddEstimates(const LeastSquares& least_squares, RunReport* report);

// Of operators together, one inference.
void EstimateGroup(const RunReport& report, const std::vector<const OpReport*>& members,
                   GroupReport* group);

// Whether the sensor's readings have steps that noise can be counted in: numbers of a trace that
// are exact have none, or that of their last digit.
bool HasSteps(const RailEnergy& rail);

nlohmann::ordered_json EstimateJson(const Estimate& estimate);
// Of one operator, for its object in the document.
void AddEstimateJson(const RunReport& report, const OpReport& op, nlohmann::ordered_json* json);
// The keys `groups` and `energy` of the document.
void AddEstimatesJson(const RunReport& report, nlohmann::ordered_json* document);

// The id of a group, which counts over all rails.
size_t GroupId(const RunReport& report, size_t rail, size_t group);
// Of the operators of a type or a module (`kind`) that has no energy on a rail.
std::set<size_t> GroupIdsOf(const RunReport& report, std::string_view kind,
                            const GroupReport& group, size_t rail);
// In the place of that energy: "g3", "g1 g2 +4"; "" of none.
std::string GroupsText(const std::set<size_t>& ids);

}  // namespace synergy
