#include "client/models/memory.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "common/checked_int.h"
#include "common/op_args.h"
#include "common/op_spec.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

struct Life {
  size_t first = 0;  // layers
  size_t last = 0;
  CheckedInt bytes = 0;
};

CheckedInt BytesOf(const BlobShape& shape) {
  CheckedInt bytes(static_cast<int64_t>(ElementSize(shape.type)));
  for (int64_t dim : shape.dims) bytes *= dim;
  return bytes;
}

std::map<std::string, Life> LivesOf(const Model& model) {
  const auto& external = model.predict.external_input();
  std::set<std::string> weights(external.begin(), external.end());
  for (const BlobShape& input : model.inputs) weights.erase(input.blob);
  std::map<std::string, Life> lives;
  for (const BlobShape& input : model.inputs) lives[input.blob] = {0, 0, BytesOf(input)};
  for (size_t i = 0; i < model.layers.size(); ++i) {
    for (const BlobShape& input : model.layers[i].inputs) {
      if (!weights.contains(input.blob)) lives[input.blob].last = i;
    }
    for (const BlobShape& output : model.layers[i].outputs) {
      auto [life, made_here] = lives.try_emplace(output.blob, Life{i, i, BytesOf(output)});
      if (made_here) continue;
      life->second.last = i;
      const CheckedInt bytes = BytesOf(output);  // a blob that is written again may grow
      if (bytes.overflow() || bytes.value() > life->second.bytes.value())
        life->second.bytes = bytes;
    }
  }
  for (const std::string& blob : model.outputs) lives[blob].last = model.layers.size() - 1;
  return lives;
}

CheckedInt Product(const std::vector<int64_t>& dims, size_t begin = 0) {
  CheckedInt product(1);
  for (size_t i = begin; i < dims.size(); ++i) product *= dims[i];
  return product;
}

// Elements that a convolution keeps besides its output: one unfolded image, and a vector of ones
// for its bias. A 1x1 convolution without stride and padding needs no unfolding.
CheckedInt ConvScratch(const OpSpec& op, const Layer& layer) {
  const bool last = op.order == "NHWC";
  const std::vector<int64_t>&x = layer.inputs[0].dims, &w = layer.inputs[1].dims,
        &y = layer.outputs[0].dims;
  const auto space = [&](const std::vector<int64_t>& dims) {
    return last ? std::vector<int64_t>(dims.begin() + 1, dims.end() - 1)
                : std::vector<int64_t>(dims.begin() + 2, dims.end());
  };
  const int64_t channels = last ? x.back() : x[1];
  const bool transposed = layer.type == "ConvTranspose";
  const std::vector<int64_t> kernel = space(w);
  const bool ones = std::all_of(kernel.begin(), kernel.end(), [](int64_t k) { return k == 1; });
  const CheckedInt bias = layer.inputs.size() == 3 ? Product(space(y)) : CheckedInt(0);
  if (transposed) {
    const int64_t out = last ? y.back() : y[1];
    return Product(kernel) * out * Product(space(x)) + bias;
  }
  // Without stride and padding the output is as large as the input, and with both it may be too.
  const bool plain = ones && space(x) == space(y) && IntArg(op, "pad", 0) == 0 &&
                     !op.ints.contains("pads") && !op.ints.contains("pad_t");
  if (plain) return bias * (last ? x[0] : 1);
  return Product(kernel) * channels * Product(space(y)) + bias;
}

CheckedInt ScratchElements(const OpSpec& op, const Layer& layer) {
  if (layer.type.starts_with("Conv")) return ConvScratch(op, layer);
  if (layer.type == "LRN") {  // the scale, and the squares of one padded image
    const std::vector<int64_t>& x = layer.inputs[0].dims;
    const int64_t channels = op.order == "NHWC" ? x.back() : x[1];
    const CheckedInt image = Product(x, 1);
    if (image.overflow() || channels == 0) return image;
    const CheckedInt padding = CheckedInt(IntArg(op, "size", 1)) * (image.value() / channels);
    return (layer.outputs.size() > 1 ? CheckedInt(0) : Product(x)) + image + padding;
  }
  if (layer.type == "FC" || layer.type == "FCTransposed" || layer.type == "Softmax") {
    return layer.inputs[0].dims.empty() ? 0 : CheckedInt(layer.inputs[0].dims[0]);
  }
  return 0;
}

CheckedInt WeightBytes(const Model& model) {
  const auto& external = model.predict.external_input();
  std::set<std::string> weights(external.begin(), external.end());
  for (const BlobShape& input : model.inputs) weights.erase(input.blob);
  CheckedInt bytes(0);
  for (const Layer& layer : model.layers) {
    for (const BlobShape& input : layer.inputs) {
      if (weights.erase(input.blob) > 0) bytes += BytesOf(input);
    }
  }
  return bytes;
}

double Megabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

}  // namespace

absl::StatusOr<ActivationMemory> MeasureActivations(const Model& model) {
  CheckedInt all(0);
  std::vector<CheckedInt> alive(model.layers.size(), CheckedInt(0));
  for (const auto& [blob, life] : LivesOf(model)) {
    all += life.bytes;
    for (size_t i = life.first; i <= life.last; ++i) alive[i] += life.bytes;
  }
  // Each sum is at most `all`, so one check is enough.
  if (all.overflow()) {
    return absl::OutOfRangeError("activation memory of the network does not fit in 64 bits");
  }
  const auto peak = std::max_element(
      alive.begin(), alive.end(),
      [](const CheckedInt& a, const CheckedInt& b) { return a.value() < b.value(); });
  return ActivationMemory{all.value(), peak->value()};
}

absl::StatusOr<RunMemory> MeasureRunMemory(const Model& model) {
  auto activations = MeasureActivations(model);
  if (!activations.ok()) return activations.status();
  const CheckedInt weights = WeightBytes(model);
  CheckedInt scratch(0);
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const OpSpec op = OpSpecOf(model.predict.op(static_cast<int>(i)));
    scratch += ScratchElements(op, model.layers[i]) * int64_t{sizeof(float)};
  }
  const CheckedInt total = weights + activations->all_bytes + scratch;
  if (total.overflow()) {
    return absl::OutOfRangeError("memory of the network does not fit in 64 bits");
  }
  return RunMemory{weights.value(), activations->all_bytes, scratch.value(), total.value()};
}

absl::Status CheckMemory(const Model& model, uint64_t device_memory_bytes) {
  if (device_memory_bytes == 0) return absl::OkStatus();
  auto need = MeasureRunMemory(model);
  if (!need.ok()) return need.status();
  const uint64_t usable = device_memory_bytes - std::min(device_memory_bytes, kReservedMemoryBytes);
  if (static_cast<uint64_t>(need->total_bytes) <= usable) return absl::OkStatus();
  const auto megabytes = [](int64_t bytes) { return Megabytes(static_cast<uint64_t>(bytes)); };
  return absl::ResourceExhaustedError(fmt::format(
      "run {}: it needs {:.0f} MB ({:.0f} MB of weights, {:.0f} MB of activations, {:.0f} MB of "
      "its "
      "operators' own), and of the board's {:.0f} MB {:.0f} MB can be had; take a smaller batch, "
      "input or network",
      Printable(model.name, 64), megabytes(need->total_bytes), megabytes(need->weights_bytes),
      megabytes(need->activation_bytes), megabytes(need->scratch_bytes),
      Megabytes(device_memory_bytes), Megabytes(usable)));
}

}  // namespace synergy
