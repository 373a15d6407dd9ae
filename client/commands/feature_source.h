// Where fit and evaluate have their rows from: stored runs, or somebody else's table.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/commands.h"
#include "client/predict/families.h"
#include "client/predict/feature_table.h"

namespace synergy {

struct FeatureSourceOptions {
  std::vector<std::string> runs{};  // numbers, ids, tags; "all"
  std::string rail{};               // "": the one that contains the others
  std::string csv{}, map{};
  std::string store{};
};
void AddFeatureSourceOptions(CLI::App& command, FeatureSourceOptions* options);

struct LoadedFeatures {
  FeatureTable table;
  std::string rail;
  // EnergyModel::conditions, where all runs have the same; "several" where not.
  std::map<std::string, std::string> conditions;
  std::vector<std::string> more_features;  // FitOptions::more_features
  std::vector<std::string> notes;          // runs that were left out, and why

  // A sentence where some of the energies are a simulated board's; "".
  std::string SimulatedNotice() const;
};
// Errors end in kUsage.
absl::StatusOr<LoadedFeatures> LoadFeatures(const FeatureSourceOptions& options);

// --family, of the names of energy_model.h; "": all.
CLI::Validator IsFamily();

}  // namespace synergy
