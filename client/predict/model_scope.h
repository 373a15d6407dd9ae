// What a model was fitted to, and whether that is what it is asked about. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "client/predict/energy_model.h"

namespace synergy {

// What is to be predicted; what is absent or "" nobody said.
struct AskedScope {
  std::set<OpClass> classes{};    // that the networks have
  std::string board{}, engine{};  // the board by what its runs call it, or by its title
  std::optional<uint32_t> threads{};
  uint32_t batch = 1;
  std::optional<double> ghz{}, celsius{};
};

// The clock at which the parts that compute these classes were fitted, where that was one [GHz].
std::optional<double> FittedFrequency(const EnergyModel& model, const std::set<OpClass>& classes);

// Where the model has a term of the temperature: the middle of those that it was fitted at
// [Celsius].
std::optional<double> FittedTemperature(const EnergyModel& model);

// Whether its joules follow the feature.
bool UsesFeature(const EnergyModel& model, std::string_view feature);

// A line for each thing that the model was not fitted for, or that changes nothing.
std::vector<std::string> WarningsOf(const EnergyModel& model, const AskedScope& asked);

}  // namespace synergy
