// Which network a command is about: one of the zoo, or the user's own from files.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/commands.h"
#include "client/models/model.h"

namespace synergy {

struct ModelOptions {
  std::string net{};                        // a name of the zoo, or a file
  std::string init{};                       // of a Caffe2 file
  std::vector<std::string> input_shapes{};  // BLOB=D,D,...
  std::string net_type{};                   // "": as a Caffe2 file says, "simple" elsewhere
  uint32_t batch = 0;                       // 0: not given
  uint64_t seed = 1;
  std::vector<std::string> inputs{};  // [BLOB=]FILE, as input_values.h reads them
};
void AddModelOptions(CLI::App& command, ModelOptions* options);

struct LoadedModel {
  Model model;         // its predict net has the type that was asked for
  std::string source;  // JobSpec.model_source: "zoo", "caffe2", "onnx"
  uint32_t batch = 1;  // images an inference, as far as shapes tell
  // Those of ModelOptions::inputs that decided on shapes: the values are constants of the network.
  std::set<std::string> used_inputs{};
  std::set<std::string> files{};  // that it was read from, but for those of inputs
};
// A name of the zoo is one; what has a '/' or '.' in it or is there as a file is a file: ONNX,
// where its name ends in .onnx, or else a Caffe2 predict net. Errors end in kUsage.
absl::StatusOr<LoadedModel> LoadModel(const ModelOptions& options);

}  // namespace synergy
