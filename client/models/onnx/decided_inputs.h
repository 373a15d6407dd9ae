#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "client/models/onnx/onnx_constant.h"

namespace onnx {
class GraphProto;
}

// Inputs of a graph whose values are known before the net runs.
namespace synergy {

using InputValueSource =
    std::function<absl::StatusOr<std::optional<OnnxConstant>>(const std::string& input)>;
using DecidedInputs = std::map<std::string, OnnxConstant>;  // by name

// The values that `source` has of the inputs that `value`, one of the graph, is computed of; inputs
// whose shape alone counts, and those in `known`, are not asked for. InvalidArgument: a value does
// not fit its input.
absl::StatusOr<DecidedInputs> DecideInputs(const ::onnx::GraphProto& graph,
                                           const std::string& value,
                                           const std::set<std::string>& known,
                                           const InputValueSource& source);

}  // namespace synergy
