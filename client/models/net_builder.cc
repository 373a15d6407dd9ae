#include "client/models/net_builder.h"

#include <utility>

#include "client/models/fillers.h"
#include "client/models/memory.h"
#include "common/op_spec.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr const char* kInput = "data";

std::string Text(std::string_view text) { return std::string(text); }

// The window of a convolution. Caffe2 takes either one number for both axes or one for each.
void AddWindow(caffe2::OperatorDef& op, const ConvSpec& spec) {
  if (!spec.kernel_w && !spec.pad_w) {
    AddIntArg(op, "kernel", spec.kernel);
    AddIntArg(op, "stride", spec.stride);
    AddIntArg(op, "pad", spec.pad);
    return;
  }
  AddIntArg(op, "kernel_h", spec.kernel);
  AddIntArg(op, "kernel_w", spec.kernel_w.value_or(spec.kernel));
  AddIntArg(op, "stride", spec.stride);
  for (const char* side : {"pad_t", "pad_b"}) AddIntArg(op, side, spec.pad);
  for (const char* side : {"pad_l", "pad_r"}) AddIntArg(op, side, spec.pad_w.value_or(spec.pad));
}

}  // namespace

NetBuilder::NetBuilder(std::string_view name, const Dims& input, uint64_t seed) {
  model_.name = name;
  model_.seed = seed;
  model_.inputs = {{kInput, input}};
  model_.predict.set_name(model_.name);
  model_.predict.add_external_input(kInput);
  model_.init.set_name(model_.name + "_init");
  shapes_[kInput] = input;
  if (auto status = CheckBlobShape(input); !status.ok()) Fail("data", status);
}

Blob NetBuilder::Input() const { return {kInput}; }

Blob NetBuilder::Conv(std::string_view layer, const Blob& x, const ConvSpec& spec) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  auto out = ConvShape(in[0], spec);
  if (!out.ok()) return Fail(layer, out.status()), Blob{};
  caffe2::OperatorDef op = Start("Conv", layer, {x});
  const Dims filter = {spec.out, in[0][1] / spec.group, spec.kernel,
                       spec.kernel_w.value_or(spec.kernel)};
  const int64_t taps = filter[1] * filter[2] * filter[3];
  AddWeight(op, WeightFiller(Text(layer) + "_w", filter, spec.gain, taps, model_.seed), filter);
  if (spec.bias) AddWeight(op, ConstantFiller(Text(layer) + "_b", {spec.out}, 0), {spec.out});
  AddWindow(op, spec);
  if (spec.dilation != 1) AddIntArg(op, "dilation", spec.dilation);
  if (spec.group != 1) AddIntArg(op, "group", spec.group);
  return Finish(layer, std::move(op), Text(layer), *out);
}

Blob NetBuilder::Fc(std::string_view layer, const Blob& x, const FcSpec& spec) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  auto out = FcShape(in[0], spec);
  if (!out.ok()) return Fail(layer, out.status()), Blob{};
  caffe2::OperatorDef op = Start("FC", layer, {x});
  int64_t fan_in = 1;
  for (size_t i = 1; i < in[0].size(); ++i) fan_in *= in[0][i];
  const Dims weights = {spec.out, fan_in};
  AddWeight(op, WeightFiller(Text(layer) + "_w", weights, spec.gain, fan_in, model_.seed), weights);
  AddWeight(op, ConstantFiller(Text(layer) + "_b", {spec.out}, 0), {spec.out});
  return Finish(layer, std::move(op), Text(layer), *out);
}

Blob NetBuilder::SpatialBn(std::string_view layer, const Blob& x, const BnSpec& spec) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  if (auto status = CheckImage(in[0]); !status.ok()) return Fail(layer, status), Blob{};
  caffe2::OperatorDef op = Start("SpatialBN", layer, {x});
  const Dims channels = {in[0][1]};
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
  return Finish(layer, std::move(op), Text(layer), in[0]);
}

Blob NetBuilder::Relu(std::string_view layer, const Blob& x) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  return Finish(layer, Start("Relu", layer, {x}), x.name, in[0]);
}

Blob NetBuilder::Relu6(std::string_view layer, const Blob& x) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  caffe2::OperatorDef op = Start("Clip", layer, {x});
  AddFloatArg(op, "min", 0);
  AddFloatArg(op, "max", 6);
  return Finish(layer, std::move(op), x.name, in[0]);
}

Blob NetBuilder::Dropout(std::string_view layer, const Blob& x) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  caffe2::OperatorDef op = Start("Dropout", layer, {x});
  AddIntArg(op, "is_test", 1);
  return Finish(layer, std::move(op), x.name, in[0]);
}

Blob NetBuilder::MaxPool(std::string_view layer, const Blob& x, const PoolSpec& spec) {
  return Pool("MaxPool", layer, x, spec);
}

Blob NetBuilder::AveragePool(std::string_view layer, const Blob& x, const PoolSpec& spec) {
  return Pool("AveragePool", layer, x, spec);
}

Blob NetBuilder::Pool(std::string_view type, std::string_view layer, const Blob& x,
                      const PoolSpec& spec) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  auto pool = PoolShapeOf(in[0], spec);
  if (!pool.ok()) return Fail(layer, pool.status()), Blob{};
  caffe2::OperatorDef op = Start(type, layer, {x});
  AddIntArg(op, "kernel", spec.kernel);
  AddIntArg(op, "stride", spec.stride);
  AddIntArg(op, "pad_t", spec.pad);
  AddIntArg(op, "pad_l", spec.pad);
  AddIntArg(op, "pad_b", pool->pad_bottom);
  AddIntArg(op, "pad_r", pool->pad_right);
  if (type == "AveragePool") AddIntArg(op, "count_include_pad", 1);
  return Finish(layer, std::move(op), Text(layer), pool->out);
}

Blob NetBuilder::GlobalAveragePool(std::string_view layer, const Blob& x) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  auto out = GlobalPoolShape(in[0]);
  if (!out.ok()) return Fail(layer, out.status()), Blob{};
  caffe2::OperatorDef op = Start("AveragePool", layer, {x});
  AddIntArg(op, "global_pooling", 1);
  return Finish(layer, std::move(op), Text(layer), *out);
}

Blob NetBuilder::Lrn(std::string_view layer, const Blob& x, const LrnSpec& spec) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  if (auto status = CheckImage(in[0]); !status.ok()) return Fail(layer, status), Blob{};
  caffe2::OperatorDef op = Start("LRN", layer, {x});
  AddIntArg(op, "size", spec.size);
  AddFloatArg(op, "alpha", spec.alpha);
  AddFloatArg(op, "beta", spec.beta);
  AddFloatArg(op, "bias", spec.bias);
  return Finish(layer, std::move(op), Text(layer), in[0]);
}

Blob NetBuilder::Concat(std::string_view layer, const std::vector<Blob>& x) {
  const auto in = ShapesOf(layer, x);
  if (in.empty()) return {};
  auto out = ConcatShape(in);
  if (!out.ok()) return Fail(layer, out.status()), Blob{};
  caffe2::OperatorDef op = Start("Concat", layer, x);
  AddIntArg(op, "axis", 1);
  // Caffe2's Concat also leaves how many channels came from each input (int32).
  const BlobShape split{Text(layer) + "_split", {static_cast<int64_t>(x.size())}};
  return Finish(layer, std::move(op), Text(layer), *out, {split});
}

std::vector<Blob> NetBuilder::Split(std::string_view layer, const Blob& x, size_t parts) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return std::vector<Blob>(parts);
  auto out = SplitShapes(in[0], static_cast<int64_t>(parts));
  if (!out.ok()) return Fail(layer, out.status()), std::vector<Blob>(parts);
  caffe2::OperatorDef op = Start("Split", layer, {x});
  AddIntArg(op, "axis", 1);
  std::vector<Blob> blobs;
  for (size_t i = 0; i < parts; ++i) blobs.push_back({fmt::format("{}_{}", layer, i)});
  std::vector<BlobShape> more;
  for (size_t i = 1; i < parts; ++i) more.push_back({blobs[i].name, (*out)[i]});
  Finish(layer, std::move(op), blobs[0].name, (*out)[0], more);
  return blobs;
}

Blob NetBuilder::ChannelShuffle(std::string_view layer, const Blob& x, int64_t groups) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  auto parts = SplitShapes(in[0], groups);
  if (!parts.ok()) return Fail(layer, parts.status()), Blob{};
  caffe2::OperatorDef op = Start("ChannelShuffle", layer, {x});
  AddIntArg(op, "group", groups);
  return Finish(layer, std::move(op), Text(layer), in[0]);
}

Blob NetBuilder::Sum(std::string_view layer, const std::vector<Blob>& x) {
  const auto in = ShapesOf(layer, x);
  if (in.empty()) return {};
  auto out = SumShape(in);
  if (!out.ok()) return Fail(layer, out.status()), Blob{};
  return Finish(layer, Start("Sum", layer, x), Text(layer), *out);
}

Blob NetBuilder::Softmax(std::string_view layer, const Blob& x) {
  const auto in = ShapesOf(layer, {x});
  if (in.empty()) return {};
  return Finish(layer, Start("Softmax", layer, {x}), Text(layer), in[0]);
}

absl::StatusOr<Model> NetBuilder::Build(const Blob& output) {
  if (!ShapesOf("output", {output}).empty() && model_.layers.empty()) {
    Fail("output", absl::InvalidArgumentError("the net has no layer"));
  }
  if (!status_.ok()) return status_;
  model_.outputs = {output.name};
  model_.predict.add_external_output(output.name);
  if (auto status = SumUp(); !status.ok()) return status;
  return std::move(model_);
}

void NetBuilder::Fail(std::string_view layer, const absl::Status& status) {
  if (!status_.ok()) return;
  status_ = absl::Status(
      status.code(), fmt::format("build {}: layer '{}': {}", model_.name, layer,
                                 std::string(status.message().data(), status.message().size())));
}

std::vector<Dims> NetBuilder::ShapesOf(std::string_view layer, const std::vector<Blob>& x) {
  std::vector<Dims> shapes;
  for (const Blob& blob : x) {
    auto it = shapes_.find(blob.name);
    if (status_.ok() && it == shapes_.end()) {
      Fail(layer, absl::InvalidArgumentError(fmt::format("there is no blob '{}'", blob.name)));
    }
    if (!status_.ok()) return {};
    shapes.push_back(it->second);
  }
  if (shapes.empty()) Fail(layer, absl::InvalidArgumentError("it has no input"));
  return shapes;
}

caffe2::OperatorDef NetBuilder::Start(std::string_view type, std::string_view layer,
                                      const std::vector<Blob>& x) {
  caffe2::OperatorDef op;
  op.set_type(Text(type));
  op.set_name(Text(layer));
  for (const Blob& blob : x) op.add_input(blob.name);
  return op;
}

void NetBuilder::AddWeight(caffe2::OperatorDef& op, const caffe2::OperatorDef& filler,
                           const Dims& dims) {
  const std::string& blob = filler.output(0);
  op.add_input(blob);
  *model_.init.add_op() = filler;
  model_.init.add_external_output(blob);
  model_.predict.add_external_input(blob);
  if (!shapes_.emplace(blob, dims).second) {
    Fail(op.name(), absl::InvalidArgumentError(fmt::format("the blob '{}' exists already", blob)));
  }
  if (auto status = CheckBlobShape(dims); !status.ok()) Fail(op.name(), status);
}

Blob NetBuilder::Finish(std::string_view layer, caffe2::OperatorDef op, const std::string& output,
                        const Dims& out, const std::vector<BlobShape>& more) {
  if (layer.empty() || !layer_names_.insert(Text(layer)).second) {
    Fail(layer, absl::InvalidArgumentError("another layer has this name, or it has none"));
  }
  std::vector<BlobShape> outputs = {{output, out}};
  outputs.insert(outputs.end(), more.begin(), more.end());
  for (const BlobShape& made : outputs) {
    op.add_output(made.blob);
    if (auto status = CheckBlobShape(made.dims); !status.ok()) Fail(layer, status);
    const bool in_place = made.blob == op.input(0) && made.blob != layer;
    if (!in_place && shapes_.contains(made.blob)) {
      Fail(layer,
           absl::InvalidArgumentError(fmt::format("the blob '{}' exists already", made.blob)));
    }
  }
  if (!status_.ok()) return {};
  for (const BlobShape& made : outputs) shapes_[made.blob] = made.dims;
  if (auto status = AddLayer(op, outputs); !status.ok()) return Fail(layer, status), Blob{};
  *model_.predict.add_op() = std::move(op);
  return {output};
}

absl::Status NetBuilder::AddLayer(const caffe2::OperatorDef& op,
                                  const std::vector<BlobShape>& outputs) {
  Layer layer{op.name(), op.type(), {}, outputs, {}};
  for (const std::string& blob : op.input()) layer.inputs.push_back({blob, shapes_.at(blob)});
  OpSpec spec = OpSpecOf(op);
  for (const BlobShape& input : layer.inputs) spec.inputs.push_back({input.dims});
  for (const BlobShape& output : layer.outputs) spec.outputs.push_back({output.dims});
  auto cost = ComputeOpCost(spec);
  if (!cost.ok()) return cost.status();
  layer.cost = *cost;
  model_.layers.push_back(std::move(layer));
  return absl::OkStatus();
}

absl::Status NetBuilder::SumUp() {
  for (const Layer& layer : model_.layers) {
    auto total = AddCosts(model_.total, layer.cost);
    if (!total.ok()) return total.status();
    model_.total = *total;
    // No overflow: a type's share is at most the total.
    if (layer.cost.macs > 0) model_.macs_by_type[layer.type] += layer.cost.macs;
  }
  auto memory = MeasureActivations(model_);
  if (!memory.ok()) return memory.status();
  model_.activation_bytes = memory->all_bytes;
  model_.peak_activation_bytes = memory->peak_bytes;
  return absl::OkStatus();
}

}  // namespace synergy
