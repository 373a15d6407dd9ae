// Upsampling and resizing, to the nearest element where Caffe2 has no more.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/sampling_steps.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// How a coordinate of the output finds the input's nearest one; ONNX's names. Coordinates and
// lengths are computed in float32, as scales are stored and as runtimes of ONNX compute: 10
// elements times 1.3 are 13, not the 12.9999995 that the float32 nearest to 1.3 gives.
struct ResizeRule {
  std::string transformation = "asymmetric";
  std::string rounding = "floor";
  std::string mode = "nearest";
};

float SourceCoordinate(const std::string& transformation, float at, float scale, int64_t in,
                       int64_t out) {
  if (transformation == "asymmetric") return at / scale;
  if (transformation == "tf_half_pixel_for_nn") return (at + 0.5F) / scale;
  if (transformation == "align_corners") {
    return out == 1 ? 0 : at * static_cast<float>(in - 1) / static_cast<float>(out - 1);
  }
  if (transformation == "pytorch_half_pixel" && out == 1) return 0;
  return (at + 0.5F) / scale - 0.5F;
}

int64_t Nearest(const ResizeRule& rule, float x, int64_t in) {
  float nearest = 0;
  if (rule.rounding == "floor") {
    nearest = std::floor(x);
  } else if (rule.rounding == "ceil") {
    nearest = std::ceil(x);
  } else if (rule.rounding == "round_prefer_ceil") {
    nearest = std::floor(x + 0.5F);
  } else {
    nearest = std::ceil(x - 0.5F);  // round_prefer_floor
  }
  return static_cast<int64_t>(std::clamp(nearest, 0.0F, static_cast<float>(in - 1)));
}

struct ResizedAxis {
  int64_t in = 0;
  int64_t out = 0;
  float scale = 1;
  std::vector<int64_t> sources;  // of every element of the output
};

// Where Caffe2's ResizeNearest would take every element from, computed as it computes.
bool IsResizeNearest(const ResizedAxis& axis) {
  if (static_cast<int64_t>(static_cast<float>(axis.in) * axis.scale) != axis.out) return false;
  for (int64_t i = 0; i < axis.out; ++i) {
    const auto source = static_cast<int64_t>(static_cast<float>(i) / axis.scale);
    if (std::min(source, axis.in - 1) != axis.sources[static_cast<size_t>(i)]) return false;
  }
  return true;
}

bool KnowsRule(NodeConversion& node, const ResizeRule& rule) {
  for (const char* known : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                            "tf_half_pixel_for_nn"}) {
    if (rule.transformation != known) continue;
    for (const char* rounding : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
      if (rule.rounding == rounding) return true;
    }
  }
  node.Refuse(fmt::format("coordinate_transformation_mode '{}' with nearest_mode '{}'",
                          rule.transformation.substr(0, 40), rule.rounding.substr(0, 40)));
  return false;
}

// Where Caffe2's UpsampleBilinear gives as many elements; its corners are aligned.
bool IsBilinear(const std::vector<ResizedAxis>& axes) {
  if (axes.size() != 4 || axes[0].in != axes[0].out || axes[1].in != axes[1].out) return false;
  for (size_t i = 2; i < 4; ++i) {
    const float out = static_cast<float>(axes[i].in) * axes[i].scale;
    if (static_cast<int64_t>(out) != axes[i].out) return false;
  }
  return true;
}

Caffe2Operator ImageResize(const char* type, const std::vector<ResizedAxis>& axes) {
  Caffe2Operator op(type);
  op.Float("height_scale", axes[2].scale).Float("width_scale", axes[3].scale);
  op.String("order", "NCHW");
  return op;
}

// Resizes every axis by taking elements; images by Caffe2's ResizeNearest where it takes the same.
void EmitResize(NodeConversion& node, const NetValue& x, const std::vector<ResizedAxis>& axes) {
  if (x.rank() == 4 && axes[0].out == axes[0].in && axes[1].out == axes[1].in &&
      IsResizeNearest(axes[2]) && IsResizeNearest(axes[3])) {
    return node.EmitResult(ImageResize("ResizeNearest", axes), {x});
  }
  std::vector<Step> chain;
  for (size_t i = 0; i < axes.size(); ++i) {
    bool same = axes[i].in == axes[i].out;
    for (size_t j = 0; same && j < axes[i].sources.size(); ++j) {
      same = axes[i].sources[j] == static_cast<int64_t>(j);
    }
    if (!same) chain.push_back(TakeStep(node, i, axes[i].sources));
  }
  RunSteps(node, x, chain);
}

// `scales` or `sizes` has a number per axis, the other is empty.
void ResizeBy(NodeConversion& node, const std::vector<double>& scales,
              const std::vector<int64_t>& sizes, const ResizeRule& rule) {
  const NetValue x = node.FloatInput(0);
  if (!node.ok() || !KnowsRule(node, rule)) return;
  if (std::max(scales.size(), sizes.size()) != x.rank() || (!scales.empty() && !sizes.empty())) {
    return node.Reject(
        fmt::format("{} scales and {} sizes for {} axes", scales.size(), sizes.size(), x.rank()));
  }
  std::vector<ResizedAxis> axes;
  for (size_t i = 0; i < x.rank(); ++i) {
    ResizedAxis axis;
    axis.in = x.dims[i];
    const auto length = static_cast<float>(axis.in);
    const float scale =
        sizes.empty() ? static_cast<float>(scales[i]) : static_cast<float>(sizes[i]) / length;
    const float out = sizes.empty() ? std::floor(length * scale) : static_cast<float>(sizes[i]);
    if (axis.in < 1 || !(out >= 1) || out > kMostIndices) {
      return node.Refuse(fmt::format("axis {} of length {} resized by {}", i, axis.in, scale));
    }
    axis.out = static_cast<int64_t>(out);
    if (rule.transformation == "align_corners" && sizes.empty() &&
        std::abs(scale * length - out) > 1e-3F) {
      return node.Refuse(
          fmt::format("coordinate_transformation_mode 'align_corners' with a scale "
                      "of {} that gives no whole number of elements: implementations "
                      "differ there, and Caffe2 aligns whole ones",
                      scale));
    }
    axis.scale = scale;
    // Caffe2 multiplies and rounds down: a scale that was rounded down itself is one step short.
    if (static_cast<int64_t>(length * axis.scale) < axis.out) {
      axis.scale = std::nextafter(axis.scale, 2 * axis.scale);
    }
    for (int64_t at = 0; at < axis.out; ++at) {
      const float source =
          SourceCoordinate(rule.transformation, static_cast<float>(at), scale, axis.in, axis.out);
      axis.sources.push_back(Nearest(rule, source, axis.in));
    }
    axes.push_back(std::move(axis));
  }
  if (rule.mode == "nearest") return EmitResize(node, x, axes);
  if (!IsBilinear(axes)) return node.Refuse("mode 'linear' of anything but images");
  node.EmitResult(ImageResize("UpsampleBilinear", axes), {x});
}

// Reads the mode. Caffe2's UpsampleBilinear keeps the corners where they are.
ResizeRule ReadRule(NodeConversion& node, const ResizeRule& otherwise) {
  ResizeRule rule = otherwise;
  rule.mode = node.StringAttribute("mode", "nearest");
  const bool aligned = rule.transformation == "align_corners";
  if (node.ok() && rule.mode != "nearest" && !(rule.mode == "linear" && aligned)) {
    node.Refuse(
        fmt::format("mode '{}' with coordinate_transformation_mode '{}': Caffe2 resizes by "
                    "the nearest element, or linearly with align_corners",
                    rule.mode.substr(0, 40), rule.transformation.substr(0, 40)));
  }
  return rule;
}

}  // namespace

void ConvertUpsample(NodeConversion& node) {
  const ResizeRule rule = ReadRule(node, {});
  if (node.opset() >= 9) return ResizeBy(node, node.KnownFloats(1, "scales"), {}, rule);
  if (node.opset() >= 7) return ResizeBy(node, node.FloatsAttribute("scales"), {}, rule);
  const double height = node.FloatAttribute("height_scale", 1);
  ResizeBy(node, {1, 1, height, node.FloatAttribute("width_scale", 1)}, {}, rule);
}

void ConvertResizeByScales(NodeConversion& node) {
  const ResizeRule rule = ReadRule(node, {});
  ResizeBy(node, node.KnownFloats(1, "scales"), {}, rule);
}

void ConvertResize(NodeConversion& node) {
  const ResizeRule rule =
      ReadRule(node, {node.StringAttribute("coordinate_transformation_mode", "half_pixel"),
                      node.StringAttribute("nearest_mode", "round_prefer_floor"), ""});
  for (const char* unused : {"cubic_coeff_a", "exclude_outside", "extrapolation_value"}) {
    node.IgnoreAttribute(unused);  // of other modes
  }
  std::vector<double> scales;
  std::vector<int64_t> sizes;
  if (node.HasInput(2)) scales = node.KnownFloats(2, "scales");
  if (node.HasInput(3)) sizes = node.KnownIntegers(3, "sizes");
  ResizeBy(node, scales, sizes, rule);
}

}  // namespace synergy
