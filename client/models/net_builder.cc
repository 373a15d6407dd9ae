#include "client/models/net_builder.h"

#include <utility>

#include "client/models/fillers.h"
#include "client/models/layer_arguments.h"
#include "client/models/operator_shapes.h"
#include "common/op_cost.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr const char* kInput = "data";

std::string Text(std::string_view text) { return std::string(text); }

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

// A network has no empty blob.
absl::Status CheckDims(const Dims& dims) {
  for (int64_t dim : dims) {
    if (dim < 1) return Wrong(fmt::format("shape {} has a dimension below 1", FormatShape(dims)));
  }
  return CheckBlobSize(dims);
}

}  // namespace

NetBuilder::NetBuilder(std::string_view name, const Dims& input, uint64_t seed) {
  model_.name = name;
  model_.seed = seed;
  model_.inputs = {{kInput, input}};
  model_.predict.set_name(model_.name);
  model_.predict.add_external_input(kInput);
  model_.init.set_name(model_.name + "_init");
  blobs_[kInput] = model_.inputs[0];
  if (auto status = CheckDims(input); !status.ok()) Fail(kInput, status);
}

Blob NetBuilder::Input() const { return {kInput}; }

Blob NetBuilder::Conv(std::string_view layer, const Blob& x, const ConvSpec& spec) {
  const auto in = ImageShapeOf(layer, x);
  if (!in) return {};
  caffe2::OperatorDef op = Start("Conv", layer, {x});
  if (auto status = AddArguments(spec, &op); !status.ok()) return Fail(layer, status), Blob{};
  const Dims filter = {spec.out, (*in)[1] / spec.group, spec.kernel,
                       spec.kernel_w.value_or(spec.kernel)};
  const int64_t taps = filter[1] * filter[2] * filter[3];
  AddWeight(op, WeightFiller(Text(layer) + "_w", filter, spec.gain, taps, model_.seed), filter);
  if (spec.bias) AddWeight(op, ConstantFiller(Text(layer) + "_b", {spec.out}, 0), {spec.out});
  return Append(std::move(op), {Text(layer)});
}

Blob NetBuilder::Fc(std::string_view layer, const Blob& x, const FcSpec& spec) {
  const auto in = ShapeOf(layer, x);
  if (!in) return {};
  caffe2::OperatorDef op = Start("FC", layer, {x});
  int64_t fan_in = 1;
  for (size_t i = 1; i < in->size(); ++i) fan_in *= (*in)[i];
  const Dims weights = {spec.out, fan_in};
  AddWeight(op, WeightFiller(Text(layer) + "_w", weights, spec.gain, fan_in, model_.seed), weights);
  AddWeight(op, ConstantFiller(Text(layer) + "_b", {spec.out}, 0), {spec.out});
  return Append(std::move(op), {Text(layer)});
}

Blob NetBuilder::SpatialBn(std::string_view layer, const Blob& x, const BnSpec& spec) {
  const auto in = ImageShapeOf(layer, x);
  if (!in) return {};
  caffe2::OperatorDef op = Start("SpatialBN", layer, {x});
  const Dims channels = {(*in)[1]};
  // Caffe2's names of scale, bias, running mean and running variance. The variance is drawn so that
  // the mean of its reciprocal is 1: a deep net neither grows nor shrinks. What comes in has about
  // unit variance, so the other three are small beside it.
  const auto weight = [&](std::string_view suffix, double low, double high) {
    const std::string blob = Text(layer) + Text(suffix);
    AddWeight(op, UniformFiller(blob, channels, low, high, model_.seed), channels);
  };
  weight("_s", 0.8 * spec.scale, 1.2 * spec.scale);
  weight("_b", -0.1, 0.1);
  weight("_rm", -0.1, 0.1);
  weight("_riv", 0.8, 1.25);
  AddIntArg(op, "is_test", 1);
  AddFloatArg(op, "epsilon", spec.epsilon);
  return Append(std::move(op), {Text(layer)});
}

Blob NetBuilder::Relu(std::string_view layer, const Blob& x) {
  return Append(Start("Relu", layer, {x}), {x.name});
}

Blob NetBuilder::Relu6(std::string_view layer, const Blob& x) {
  caffe2::OperatorDef op = Start("Clip", layer, {x});
  AddFloatArg(op, "min", 0);
  AddFloatArg(op, "max", 6);
  return Append(std::move(op), {x.name});
}

Blob NetBuilder::Dropout(std::string_view layer, const Blob& x) {
  caffe2::OperatorDef op = Start("Dropout", layer, {x});
  AddIntArg(op, "is_test", 1);
  return Append(std::move(op), {x.name});
}

Blob NetBuilder::MaxPool(std::string_view layer, const Blob& x, const PoolSpec& spec) {
  return Pool("MaxPool", layer, x, spec);
}

Blob NetBuilder::AveragePool(std::string_view layer, const Blob& x, const PoolSpec& spec) {
  return Pool("AveragePool", layer, x, spec);
}

Blob NetBuilder::Pool(std::string_view type, std::string_view layer, const Blob& x,
                      const PoolSpec& spec) {
  const auto in = ImageShapeOf(layer, x);
  if (!in) return {};
  caffe2::OperatorDef op = Start(type, layer, {x});
  if (auto status = AddArguments(spec, *in, &op); !status.ok()) return Fail(layer, status), Blob{};
  if (type == "AveragePool") AddIntArg(op, "count_include_pad", 1);
  return Append(std::move(op), {Text(layer)});
}

Blob NetBuilder::GlobalAveragePool(std::string_view layer, const Blob& x) {
  caffe2::OperatorDef op = Start("AveragePool", layer, {x});
  AddIntArg(op, "global_pooling", 1);
  return Append(std::move(op), {Text(layer)});
}

Blob NetBuilder::Lrn(std::string_view layer, const Blob& x, const LrnSpec& spec) {
  caffe2::OperatorDef op = Start("LRN", layer, {x});
  AddArguments(spec, &op);
  return Append(std::move(op), {Text(layer)});
}

Blob NetBuilder::Concat(std::string_view layer, const std::vector<Blob>& x) {
  caffe2::OperatorDef op = Start("Concat", layer, x);
  AddIntArg(op, "axis", 1);
  // The second: how many channels came from each input.
  return Append(std::move(op), {Text(layer), Text(layer) + "_split"});
}

std::vector<Blob> NetBuilder::Split(std::string_view layer, const Blob& x, size_t parts) {
  caffe2::OperatorDef op = Start("Split", layer, {x});
  AddIntArg(op, "axis", 1);
  std::vector<std::string> names;
  for (size_t i = 0; i < parts; ++i) names.push_back(fmt::format("{}_{}", layer, i));
  Append(std::move(op), names);
  std::vector<Blob> blobs(parts);
  for (size_t i = 0; status_.ok() && i < parts; ++i) blobs[i].name = names[i];
  return blobs;
}

Blob NetBuilder::ChannelShuffle(std::string_view layer, const Blob& x, int64_t groups) {
  caffe2::OperatorDef op = Start("ChannelShuffle", layer, {x});
  AddIntArg(op, "group", groups);
  return Append(std::move(op), {Text(layer)});
}

Blob NetBuilder::Sum(std::string_view layer, const std::vector<Blob>& x) {
  return Append(Start("Sum", layer, x), {Text(layer)});
}

Blob NetBuilder::Softmax(std::string_view layer, const Blob& x) {
  return Append(Start("Softmax", layer, {x}), {Text(layer)});
}

absl::StatusOr<Model> NetBuilder::Build(const Blob& output) {
  if (ShapeOf("output", output) && model_.layers.empty()) {
    Fail("output", Wrong("the net has no layer"));
  }
  if (!status_.ok()) return status_;
  model_.outputs = {output.name};
  model_.predict.add_external_output(output.name);
  if (auto status = SumUpLayers(&model_); !status.ok()) return status;
  return std::move(model_);
}

void NetBuilder::Fail(std::string_view layer, const absl::Status& status) {
  if (!status_.ok()) return;
  status_ = absl::Status(
      status.code(), fmt::format("build {}: layer '{}': {}", model_.name, layer,
                                 std::string(status.message().data(), status.message().size())));
}

caffe2::OperatorDef NetBuilder::Start(std::string_view type, std::string_view layer,
                                      const std::vector<Blob>& x) {
  caffe2::OperatorDef op;
  op.set_type(Text(type));
  op.set_name(Text(layer));
  for (const Blob& blob : x) op.add_input(blob.name);
  return op;
}

std::optional<Dims> NetBuilder::ShapeOf(std::string_view layer, const Blob& x) {
  auto it = blobs_.find(x.name);
  if (it == blobs_.end()) Fail(layer, Wrong(fmt::format("there is no blob '{}'", x.name)));
  if (!status_.ok()) return std::nullopt;
  return it->second.dims;
}

std::optional<Dims> NetBuilder::ImageShapeOf(std::string_view layer, const Blob& x) {
  auto shape = ShapeOf(layer, x);
  if (!shape || shape->size() == 4) return shape;
  Fail(layer,
       Wrong(fmt::format("its input {} is not a batch of images (NCHW)", FormatShape(*shape))));
  return std::nullopt;
}

void NetBuilder::AddWeight(caffe2::OperatorDef& op, const caffe2::OperatorDef& filler,
                           const Dims& dims) {
  const std::string& blob = filler.output(0);
  op.add_input(blob);
  *model_.init.add_op() = filler;
  model_.init.add_external_output(blob);
  model_.predict.add_external_input(blob);
  if (!blobs_.emplace(blob, BlobShape{blob, dims}).second) {
    Fail(op.name(), Wrong(fmt::format("the blob '{}' exists already", blob)));
  }
  if (auto status = CheckDims(dims); !status.ok()) Fail(op.name(), status);
}

Blob NetBuilder::Append(caffe2::OperatorDef op, const std::vector<std::string>& outputs) {
  for (const std::string& output : outputs) op.add_output(output);
  if (auto status = TakeNames(op); !status.ok()) Fail(op.name(), status);
  std::vector<BlobShape> inputs;
  for (const std::string& input : op.input()) {
    if (!ShapeOf(op.name(), {input})) return {};
    inputs.push_back(blobs_.at(input));
  }
  if (!status_.ok()) return {};
  auto layer = MakeLayer(op, inputs);
  if (!layer.ok()) return Fail(op.name(), layer.status()), Blob{};
  for (const BlobShape& output : layer->outputs) blobs_[output.blob] = output;
  model_.layers.push_back(*std::move(layer));
  *model_.predict.add_op() = std::move(op);
  return {outputs[0]};
}

// Names are given once. Only an operator that works in place writes a blob that is there: its
// input.
absl::Status NetBuilder::TakeNames(const caffe2::OperatorDef& op) {
  if (op.name().empty() || !layer_names_.insert(op.name()).second) {
    return Wrong("another layer has this name, or it has none");
  }
  if (op.input().empty()) return Wrong("it has no input");
  for (const std::string& output : op.output()) {
    const bool in_place = output == op.input(0) && output != op.name();
    if (!in_place && blobs_.contains(output)) {
      return Wrong(fmt::format("the blob '{}' exists already", output));
    }
  }
  return absl::OkStatus();
}

}  // namespace synergy
