#include "client/models/onnx/onnx_converter.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "client/models/onnx/decided_inputs.h"
#include "client/models/onnx/input_shapes.h"
#include "client/models/onnx/net_assembly.h"
#include "client/models/onnx/node_conversion.h"
#include "client/models/onnx/operator_table.h"
#include "common/nearest_name.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::ValueInfoProto;

constexpr size_t kLongestText = 1000;

std::string Shown(const std::string& text) { return Printable(text, 80); }

absl::StatusOr<std::shared_ptr<const ModelProto>> Parse(std::string_view bytes) {
  if (bytes.size() > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        fmt::format("it has {} bytes, but a protobuf holds no more than 2 GiB; save its weights as "
                    "external data",
                    bytes.size()));
  }
  auto model = std::make_shared<ModelProto>();
  if (!model->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("it is no ONNX model, or was cut off or damaged");
  }
  if (!model->has_graph() || model->graph().node_size() == 0) {
    return absl::InvalidArgumentError("it is no ONNX model: it has no graph with nodes");
  }
  return model;
}

absl::StatusOr<int64_t> OpsetOf(const ModelProto& model) {
  std::optional<int64_t> opset;
  for (const auto& import : model.opset_import()) {
    if (!import.domain().empty() && import.domain() != "ai.onnx") continue;
    if (opset.has_value()) return absl::InvalidArgumentError("it imports ONNX's opset twice");
    opset = import.version();
  }
  if (!opset.has_value()) {
    return absl::InvalidArgumentError("it imports no opset of ONNX, so its operators are unknown");
  }
  if (*opset < kOldestOpset || *opset > kNewestOpset) {
    return absl::UnimplementedError(
        fmt::format("it uses opset {}; {} to {} are read. Export it with opset 15, or convert it "
                    "with ONNX's version converter",
                    *opset, kOldestOpset, kNewestOpset));
  }
  return *opset;
}

// Converts one graph; the pieces of ConvertOnnxUntrusted that share its state.
class GraphReader {
 public:
  GraphReader(const std::string& name, std::shared_ptr<const ModelProto> model, int64_t opset,
              const OnnxOptions& options, const DecidedInputs& decided)
      : model_(std::move(model)),
        graph_(model_->graph()),
        opset_(opset),
        options_(options),
        decided_(decided),
        shapes_(model_->graph(), options.input_shapes, options.batch),
        net_(name) {}

  absl::StatusOr<Model> Convert();
  // After a refusal: the inputs that would have to be known, as far as `options` knows them.
  absl::StatusOr<DecidedInputs> NeededInputs() const;

 private:
  absl::Status CheckOptions() const;
  void CollectNames();
  absl::Status ReadInitializers();
  absl::Status ReadInput(const ValueInfoProto& input);
  absl::Status ReadNode(const NodeProto& node);
  absl::Status DefineConstant(const std::string& name, OnnxConstant constant);

  std::shared_ptr<const ModelProto> model_;
  const GraphProto& graph_;
  int64_t opset_;
  const OnnxOptions& options_;
  const DecidedInputs& decided_;
  OnnxInputShapes shapes_;
  NetAssembly net_;
  std::set<std::string> constants_;  // initializers and inputs with given values
  std::set<std::string> used_;       // values that a node or the graph's outputs read
  std::string unknown_;              // of the node that was refused
};

absl::Status GraphReader::CheckOptions() const {
  std::vector<std::string> names;
  for (const ValueInfoProto& input : graph_.input()) names.push_back(input.name());
  const std::set<std::string> known(names.begin(), names.end());
  std::vector<std::string> asked;
  for (const auto& [name, dims] : options_.input_shapes) asked.push_back(name);
  for (const std::string& name : asked) {
    if (known.contains(name)) continue;
    const std::string near = NearestName(name, names);
    return absl::InvalidArgumentError(fmt::format(
        "it has no input '{}'{}", Shown(name),
        near.empty() ? std::string() : fmt::format("; did you mean '{}'?", Shown(near))));
  }
  return absl::OkStatus();
}

void GraphReader::CollectNames() {
  for (const auto& initializer : graph_.initializer()) {
    net_.Reserve(initializer.name());
    constants_.insert(initializer.name());
  }
  for (const auto& [name, value] : decided_) constants_.insert(name);
  for (const ValueInfoProto& input : graph_.input()) net_.Reserve(input.name());
  for (const NodeProto& node : graph_.node()) {
    for (const std::string& input : node.input()) used_.insert(input);
    for (const std::string& output : node.output()) net_.Reserve(output);
  }
  for (const ValueInfoProto& output : graph_.output()) used_.insert(output.name());
}

absl::Status GraphReader::DefineConstant(const std::string& name, OnnxConstant constant) {
  NetValue value = {name, constant.type, constant.dims, nullptr};
  value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
  return net_.Define(name, std::move(value));
}

absl::Status GraphReader::ReadInitializers() {
  if (graph_.sparse_initializer_size() > 0) {
    return absl::UnimplementedError(
        fmt::format("initializer '{}' is sparse: Caffe2's tensors are dense",
                    Shown(graph_.sparse_initializer(0).values().name())));
  }
  for (const auto& initializer : graph_.initializer()) {
    if (initializer.name().empty()) {
      return absl::InvalidArgumentError("an initializer has no name");
    }
    if (!used_.contains(initializer.name())) continue;  // some exporters leave strays
    auto constant = ReadTensorUntrusted(initializer, model_, options_.read_external);
    if (!constant.ok()) return constant.status();
    auto status = DefineConstant(initializer.name(), *std::move(constant));
    if (!status.ok()) return status;
  }
  for (const auto& [name, value] : decided_) {
    if (auto status = DefineConstant(name, value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status GraphReader::ReadInput(const ValueInfoProto& input) {
  if (input.name().empty()) return absl::InvalidArgumentError("an input has no name");
  // An input with a default is a weight. One that nobody reads is left out with its default.
  if (constants_.contains(input.name())) return absl::OkStatus();
  if (!input.type().has_tensor_type()) {
    return absl::UnimplementedError(
        fmt::format("input '{}' is no dense tensor (a sequence, map, optional or sparse one), and "
                    "Caffe2 takes no others",
                    Shown(input.name())));
  }
  auto type = FromOnnxType(input.type().tensor_type().elem_type());
  if (!type.ok()) {
    return absl::UnimplementedError(
        fmt::format("input '{}': {}", Shown(input.name()), std::string(type.status().message())));
  }
  const std::vector<int64_t>& dims = shapes_.DimsOf(input.name());
  if (auto count = ElementCount(dims); !count.ok()) {
    return absl::InvalidArgumentError(fmt::format("input '{}' has {}", Shown(input.name()),
                                                  std::string(count.status().message())));
  }
  return net_.AddInput(input.name(), *type, dims);
}

absl::Status GraphReader::ReadNode(const NodeProto& node) {
  std::vector<bool> used;
  for (const std::string& output : node.output()) {
    used.push_back(!output.empty() && used_.contains(output));
  }
  NodeConversion conversion(&net_, node, opset_, model_, used);
  if (!node.domain().empty() && node.domain() != "ai.onnx") {
    conversion.Refuse(
        fmt::format("an operator of '{}', which is not ONNX's own set", Shown(node.domain())));
    return conversion.status();
  }
  for (const auto& attribute : node.attribute()) {
    if (!attribute.has_g() && attribute.graphs_size() == 0) continue;
    conversion.Refuse("it holds a graph of its own (control flow); nets for Caffe2 are flat here");
    return conversion.status();
  }
  const OnnxOperatorRow* row = FindOnnxOperator(node.op_type(), opset_);
  if (row == nullptr) {
    conversion.Refuse(
        fmt::format("this operator of opset {} has no equivalent in this Caffe2", opset_));
    return conversion.status();
  }
  const size_t inputs = conversion.input_count();
  if (inputs < row->least_inputs || inputs > row->most_inputs) {
    conversion.Reject(fmt::format("{} inputs", inputs));
  }
  if (node.output_size() < 1 || conversion.output_count() > row->most_outputs) {
    conversion.Reject(fmt::format("{} outputs", node.output_size()));
  }
  conversion.IgnoreAttribute("consumed_inputs");  // a hint of the first opset
  if (conversion.ok()) row->convert(conversion);
  if (conversion.ok()) conversion.CheckAttributes();
  unknown_ = conversion.unknown();
  return conversion.status();
}

absl::StatusOr<DecidedInputs> GraphReader::NeededInputs() const {
  if (unknown_.empty() || !options_.input_value) return DecidedInputs();
  return DecideInputs(graph_, unknown_, constants_, options_.input_value);
}

absl::StatusOr<Model> GraphReader::Convert() {
  if (auto status = CheckOptions(); !status.ok()) return status;
  CollectNames();
  if (auto status = ReadInitializers(); !status.ok()) return status;
  if (auto status = shapes_.Settle(constants_); !status.ok()) return status;
  if (options_.on_batch && shapes_.batch()) options_.on_batch(*shapes_.batch());
  for (const ValueInfoProto& input : graph_.input()) {
    if (auto status = ReadInput(input); !status.ok()) return status;
  }
  for (const NodeProto& node : graph_.node()) {
    if (auto status = ReadNode(node); !status.ok()) return status;
  }
  if (graph_.output_size() == 0) return absl::InvalidArgumentError("its graph has no outputs");
  for (const ValueInfoProto& output : graph_.output()) {
    if (auto status = net_.AddOutput(output.name()); !status.ok()) return status;
  }
  return net_.Finish();
}

// Inputs that turn out to decide on shapes are made known, and everything begins anew.
absl::StatusOr<Model> ConvertGraph(const std::string& name,
                                   const std::shared_ptr<const ModelProto>& model, int64_t opset,
                                   const OnnxOptions& options) {
  DecidedInputs decided;
  while (true) {
    GraphReader reader(name, model, opset, options, decided);
    absl::StatusOr<Model> converted = reader.Convert();
    if (converted.ok()) return converted;
    absl::StatusOr<DecidedInputs> needed = reader.NeededInputs();
    if (!needed.ok()) return needed.status();
    if (needed->empty()) return converted;
    decided.merge(*needed);
  }
}

}  // namespace

absl::StatusOr<Model> ConvertOnnxUntrusted(const std::string& name, std::string_view bytes,
                                           const OnnxOptions& options) {
  // Names in the text come from the file.
  const auto explain = [&](const absl::Status& status) {
    return absl::Status(
        status.code(),
        fmt::format("convert ONNX model '{}': {}", Shown(name),
                    Printable({status.message().data(), status.message().size()}, kLongestText)));
  };
  auto model = Parse(bytes);
  if (!model.ok()) return explain(model.status());
  auto opset = OpsetOf(**model);
  if (!opset.ok()) return explain(opset.status());
  auto converted = ConvertGraph(name, *model, *opset, options);
  if (!converted.ok()) return explain(converted.status());
  return converted;
}

}  // namespace synergy
