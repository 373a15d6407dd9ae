#include "client/models/shape_hint.h"

#include <algorithm>
#include <cstdint>

#include "common/printable.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr size_t kShownAtMost = 3;

const caffe2::Argument* FindArgument(const caffe2::OperatorDef& op, std::string_view name) {
  const auto found = std::find_if(op.arg().begin(), op.arg().end(),
                                  [&](const auto& arg) { return arg.name() == name; });
  return found == op.arg().end() ? nullptr : &*found;
}

// Of a weight that is given, or that a filler makes; empty: unknown.
std::vector<int64_t> DimsOfWeight(const Model& model, const std::string& blob) {
  for (const TensorView& weight : model.weights) {
    if (weight.name == blob) return weight.dims;
  }
  for (const caffe2::OperatorDef& op : model.init.op()) {
    const caffe2::Argument* const shape = FindArgument(op, "shape");
    if (shape == nullptr || op.output_size() != 1 || op.output(0) != blob) continue;
    return {shape->ints().begin(), shape->ints().end()};
  }
  return {};
}

// Channels first, then space.
std::vector<std::string> Image(size_t spatial, const std::string& channels) {
  const std::vector<std::string> axes = spatial == 1   ? std::vector<std::string>{"W"}
                                        : spatial == 2 ? std::vector<std::string>{"H", "W"}
                                        : spatial == 3 ? std::vector<std::string>{"D", "H", "W"}
                                                       : std::vector<std::string>();
  if (axes.empty()) return {};
  std::vector<std::string> dims = {"N", channels};
  dims.insert(dims.end(), axes.begin(), axes.end());
  return dims;
}

std::vector<std::string> OfConvolution(const Model& model, const caffe2::OperatorDef& op) {
  const std::vector<int64_t> weight =
      op.input_size() > 1 ? DimsOfWeight(model, op.input(1)) : std::vector<int64_t>();
  if (weight.size() < 3) return Image(2, "C");
  const caffe2::Argument* const group = FindArgument(op, "group");
  const int64_t channels = op.type() == "ConvTranspose" ? weight[0]
                           : group == nullptr           ? weight[1]
                                                        : weight[1] * group->i();
  return Image(weight.size() - 2, std::to_string(channels));
}

// What `op` needs its first input to be; empty: it tells nothing.
std::vector<std::string> DimsRead(const Model& model, const caffe2::OperatorDef& op) {
  const caffe2::Argument* const order = FindArgument(op, "order");
  if (order != nullptr && order->s() != "NCHW") return {};
  if (op.type() == "Conv" || op.type() == "ConvTranspose") return OfConvolution(model, op);
  if (op.type() == "MaxPool" || op.type() == "AveragePool") {
    const caffe2::Argument* const kernels = FindArgument(op, "kernels");
    return Image(kernels == nullptr ? 2 : static_cast<size_t>(kernels->ints_size()), "C");
  }
  if (op.type() == "LRN") return Image(2, "C");
  if (op.type() == "FC" && op.input_size() > 1) {
    const std::vector<int64_t> weight = DimsOfWeight(model, op.input(1));
    if (weight.size() == 2) return {"N", std::to_string(weight[1])};
  }
  return {};
}

std::string Flag(const Model& model, const std::string& blob) {
  std::vector<std::string> dims;
  for (const caffe2::OperatorDef& op : model.predict.op()) {
    if (op.input_size() == 0 || op.input(0) != blob) continue;
    dims = DimsRead(model, op);
    if (!dims.empty()) break;
  }
  if (dims.empty()) dims = {"D", "D", "..."};
  return fmt::format("--input-shape {}={}", Printable(blob, 64), fmt::join(dims, ","));
}

}  // namespace

std::string InputShapeFlags(const Model& model, const std::vector<std::string>& blobs) {
  std::vector<std::string> flags;
  for (size_t i = 0; i < std::min(blobs.size(), kShownAtMost); ++i) {
    flags.push_back(Flag(model, blobs[i]));
  }
  if (blobs.size() > kShownAtMost) {
    flags.push_back(fmt::format("and so on for {} more", blobs.size() - kShownAtMost));
  }
  return fmt::format("{}", fmt::join(flags, " "));
}

}  // namespace synergy
