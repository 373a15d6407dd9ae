// Which terms a family's regressions have (docs/prediction.md has them). Pure.
#pragma once

#include <optional>
#include <vector>

#include "client/predict/families.h"
#include "client/predict/feature_table.h"
#include "client/predict/part_fit.h"

namespace synergy {

// In the order in which they are computed; terms of features that the table does not have, too.
// `classes`: by row of the table.
std::vector<PartPlan> PlansOf(const FitOptions& options, const FeatureTable& table,
                              const std::vector<OpClass>& classes);

// Of the class; without one all.
std::vector<Eigen::Index> RowsOf(const std::vector<OpClass>& classes,
                                 std::optional<OpClass> op_class);

// Less says nothing of what leaks: a sensor's step is as much.
inline constexpr double kLeastTemperatures = 2;  // K
bool TemperatureVaries(const FeatureTable& table);

}  // namespace synergy
