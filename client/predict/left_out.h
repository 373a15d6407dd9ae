// What models of the other networks say of each: how sure a model is. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/predict/energy_model.h"
#include "client/predict/feature_table.h"
#include "client/predict/intervals.h"
#include "client/predict/part_fit.h"

namespace synergy {

// What one network left out says of the others' model.
struct LeftOut {
  std::vector<std::vector<LogRatio>> ratios;  // by part
  std::vector<LogRatio> of_networks;          // of each of their runs
  std::map<OpClass, size_t> without_ratio;    // operators that were predicted at 0, or below
  std::set<std::string> not_predicted;        // networks: a class of operators was theirs alone
  // By part, terms that the other networks do not tell apart: without which network which.
  std::vector<std::vector<std::string>> fewer_terms;
};

// Leaves out one network after the other. `fits`: of the model's parts, in their order, to `table`.
LeftOut LeaveOut(const EnergyModel& model, const std::vector<PartFit>& fits,
                 const FeatureTable& table);

// None where all networks are predicted exactly.
void SetIntervals(const LeftOut& left_out, EnergyModel* model);
// Adds to the model's notes what they do not tell.
void NoteLeftOut(const LeftOut& left_out, EnergyModel* model);

}  // namespace synergy
