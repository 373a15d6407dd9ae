#include "client/models/onnx/decided_inputs.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <utility>

#include "client/models/onnx/onnx_tensor.h"
#include "common/op_cost.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

using ::onnx::GraphProto;
using ::onnx::NodeProto;
using ::onnx::ValueInfoProto;

// The values that `value` is computed of. A shape is known, whatever it is the shape of.
std::set<std::string> MadeOf(const GraphProto& graph, const std::string& value) {
  std::set<std::string> made_of = {value};
  for (int i = graph.node_size() - 1; i >= 0; --i) {  // nodes stand behind what they read
    const NodeProto& node = graph.node(i);
    if (node.op_type() == "Shape") continue;
    const bool used = std::any_of(node.output().begin(), node.output().end(),
                                  [&](const auto& output) { return made_of.contains(output); });
    if (used) made_of.insert(node.input().begin(), node.input().end());
  }
  return made_of;
}

bool FitsShape(const OnnxConstant& value, const ::onnx::TypeProto::Tensor& type) {
  if (!type.has_shape()) return true;
  const auto& dims = type.shape().dim();
  return std::equal(dims.begin(), dims.end(), value.dims.begin(), value.dims.end(),
                    [](const auto& dim, int64_t given) {
                      return !dim.has_dim_value() || dim.dim_value() < 0 ||
                             dim.dim_value() == given;
                    });
}

absl::Status Fits(const OnnxConstant& value, const ValueInfoProto& input) {
  const auto fail = [&](const std::string& text) {
    return absl::InvalidArgumentError(
        fmt::format("the values for input '{}' {}", Printable(input.name(), 80), text));
  };
  const auto& declared = input.type().tensor_type();
  const auto type = FromOnnxType(declared.elem_type());
  if (!type.ok() || *type != value.type) {
    return fail(fmt::format("are {}, and it is {}", DataTypeName(value.type),
                            OnnxTypeName(declared.elem_type())));
  }
  if (!FitsShape(value, declared)) {
    return fail(
        fmt::format("have the shape {}, which the file does not give it", FormatShape(value.dims)));
  }
  if (const auto count = ElementCount(value.dims); !count.ok()) {
    return fail(fmt::format("have {}", std::string(count.status().message())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DecidedInputs> DecideInputs(const GraphProto& graph, const std::string& value,
                                           const std::set<std::string>& known,
                                           const InputValueSource& source) {
  DecidedInputs decided;
  const std::set<std::string> made_of = MadeOf(graph, value);
  for (const ValueInfoProto& input : graph.input()) {
    if (!made_of.contains(input.name()) || known.contains(input.name())) continue;
    auto given = source(input.name());
    if (!given.ok()) return given.status();
    if (!given->has_value()) continue;
    if (absl::Status fits = Fits(**given, input); !fits.ok()) return fits;
    decided.emplace(input.name(), **std::move(given));
  }
  return decided;
}

}  // namespace synergy
