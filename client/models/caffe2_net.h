#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/model.h"

// A user's Caffe2 network: a predict net and what its weights are made by, from the bytes of two
// files. Pure.
namespace synergy {

// A larger file is none: protobuf's own limit. Callers need not read it.
inline constexpr uint64_t kMaxProtobufBytes = (uint64_t{1} << 31) - 1;

struct Caffe2NetOptions {
  std::string name;  // of the model; "": the predict net's own
  // By blob. A blob named here is an input even if the init net makes it (exporters put
  // placeholders there). Inputs are float32.
  std::map<std::string, std::vector<int64_t>> input_shapes;
  std::string net_type;  // "": as the predict net says
  uint64_t seed = 0;     // of random fillers that have none of their own
};

// Both nets are binary or text protobuf, recognised by their contents; `init` may also be a
// TensorProtos file, or empty where the predict net makes its own weights.
//
// Inputs are the blobs that the predict net reads and nobody makes; each needs a shape. Outputs are
// its external outputs, or else the blobs that nobody reads. Weights given as values
// (GivenTensorFill and its kind, TensorProto) become Model::weights, which point into the parsed
// file that weights_owner keeps: no second copy. Fillers stay in the init net. What neither net
// needs is left out. Operators get names where they have none or one twice. Model::notes says what
// was changed, and which weights are not finite.
//
// InvalidArgument or NotFound (an operator that the engines lack) with what is wrong and what to
// do, naming `--init`, `--input-shape` or `--net-type` where they help.
absl::StatusOr<Model> ReadCaffe2Model(std::string predict, std::string init,
                                      const Caffe2NetOptions& options);

}  // namespace synergy
