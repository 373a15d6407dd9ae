// Which network a command is about: one of the zoo.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/commands/commands.h"
#include "client/models/model.h"

namespace synergy {

struct ModelOptions {
  std::string net;
  std::string net_type = "simple";
  uint32_t batch = 1;
  uint64_t seed = 1;
};
void AddModelOptions(CLI::App& command, ModelOptions* options);

struct LoadedModel {
  Model model;         // its predict net has the type that was asked for
  std::string source;  // JobSpec.model_source
};
// Errors end in kUsage.
absl::StatusOr<LoadedModel> LoadModel(const ModelOptions& options);

}  // namespace synergy
