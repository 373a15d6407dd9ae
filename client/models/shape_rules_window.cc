// Operators that slide a window over images. Sizes are computed in the same float arithmetic as in
// Caffe2's ConvPoolOpBase, and what would make it divide by zero or read beyond a tensor is
// refused.
#include <algorithm>
#include <array>
#include <cmath>

#include "client/models/shape_rules.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// caffe2_legacy.proto
constexpr int64_t kNotSet = 0;
constexpr int64_t kValid = 1;
constexpr int64_t kSame = 2;
constexpr int64_t kCaffe = 3;

struct Window {
  Dims kernel;
  Dims stride;
  Dims dilation;
  Dims adj;
  Dims pads;  // of all axes before the first element, then of all behind the last
  int64_t legacy = kNotSet;
  bool global = false;
};

// One value for two axes wins over one per named axis, and both add to a list: so does Caffe2.
Dims PerAxis(const OpCall& call, const std::string& name, int64_t fallback) {
  Dims values = call.Ints(name + "s");
  if (call.Has(name)) {
    values.resize(2, call.Int(name, fallback));
  } else if (call.Has(name + "_h") && call.Has(name + "_w")) {
    values.push_back(call.Int(name + "_h", fallback));
    values.push_back(call.Int(name + "_w", fallback));
  }
  return values;
}

Dims Pads(const OpCall& call, bool* given) {
  Dims pads = call.Ints("pads");
  const std::array sides = {"pad_t", "pad_l", "pad_b", "pad_r"};
  const bool per_side =
      std::all_of(sides.begin(), sides.end(), [&](const char* side) { return call.Has(side); });
  if (call.Has("pad")) {
    pads.resize(4, call.Int("pad", 0));
  } else if (per_side) {
    for (const char* side : sides) pads.push_back(call.Int(side, 0));
  }
  *given = call.Has("pads") || call.Has("pad") || per_side;
  return pads;
}

// ConvPoolOpBase asks for a kernel by the operator's name, even where a global pool needs none.
bool NameAsksForKernel(const OpCall& call) {
  const std::string& name = call.op().name();
  return name.starts_with("Conv") || name.find("Pool") != std::string::npos;
}

absl::StatusOr<Window> ReadWindow(const OpCall& call) {
  Window w;
  bool pads_given = false;
  w.legacy = call.Int("legacy_pad", kNotSet);
  w.global = call.Int("global_pooling", 0) != 0;
  w.kernel = PerAxis(call, "kernel", 0);
  w.stride = PerAxis(call, "stride", 0);
  w.dilation = PerAxis(call, "dilation", 0);
  w.adj = PerAxis(call, "adj", 0);
  w.pads = Pads(call, &pads_given);
  if (!call.status().ok()) return call.status();
  if (w.legacy < kNotSet || w.legacy > kCaffe) {
    return call.Wrong(fmt::format("legacy_pad {} is none of Caffe2's", w.legacy));
  }
  const bool automatic = w.legacy == kValid || w.legacy == kSame;
  if (automatic && pads_given) return call.Wrong("it has pads beside legacy_pad VALID or SAME");
  const bool no_kernel = w.kernel.empty();
  if (no_kernel) w.kernel = {0, 0};
  const size_t axes = w.kernel.size();
  if (w.stride.empty()) w.stride.assign(axes, 1);
  if (w.dilation.empty()) w.dilation.assign(axes, 1);
  if (w.adj.empty()) w.adj.assign(axes, 0);
  if (w.pads.empty()) w.pads.assign(2 * axes, 0);
  if (w.stride.size() != axes || w.dilation.size() != axes || w.adj.size() != axes ||
      w.pads.size() != 2 * axes) {
    return call.Wrong(fmt::format(
        "a kernel of {} axes with {} strides, {} dilations and {} pads (needs twice the axes)",
        axes, w.stride.size(), w.dilation.size(), w.pads.size()));
  }
  for (size_t i = 0; i < axes; ++i) {
    if (w.kernel[i] < 0 || w.stride[i] < 1 || w.dilation[i] < 1) {
      return call.Wrong(fmt::format("kernel {}, stride {}, dilation {}: each is at least 1",
                                    w.kernel[i], w.stride[i], w.dilation[i]));
    }
  }
  return w;
}

// The sizes of an image's axes. Windows need every one of them, only the batch may be empty.
absl::StatusOr<Dims> SpaceOf(const OpCall& call) {
  const Dims& x = call.dims(0);
  if (x.size() < 3 || x.size() > 5) {
    return call.Wrong(
        fmt::format("its input {} is not a batch of images of 1 to 3 axes", FormatShape(x)));
  }
  if (Volume(x, 1) == 0) {
    return call.Wrong(fmt::format("its input {} has nothing in it", FormatShape(x)));
  }
  const bool last = call.ChannelsLast();
  if (!call.status().ok()) return call.status();
  return last ? Dims(x.begin() + 1, x.end() - 1) : Dims(x.begin() + 2, x.end());
}

Dims WithSpace(const OpCall& call, int64_t channels, const Dims& space) {
  Dims y = {call.dims(0)[0]};
  if (!call.ChannelsLast()) y.push_back(channels);
  y.insert(y.end(), space.begin(), space.end());
  if (call.ChannelsLast()) y.push_back(channels);
  return y;
}

int64_t ChannelsOf(const OpCall& call) {
  return call.ChannelsLast() ? call.dims(0).back() : call.dims(0)[1];
}

struct Axis {
  int64_t in, kernel, stride, dilation, head, tail;
};

// Caffe2 divides in float.
float Steps(int64_t room, int64_t stride) {
  return static_cast<float>(room) / static_cast<float>(stride) + 1;
}

absl::StatusOr<int64_t> CaffePositions(const OpCall& call, const Axis& a) {
  const int64_t room = a.in + 2 * a.head - a.kernel;
  auto out = static_cast<int64_t>(std::ceil(Steps(room, a.stride)));
  if (a.head > 0 && (out - 1) * a.stride >= a.in + a.head) --out;
  if (out < static_cast<int64_t>(Steps(room, a.stride))) {
    return call.Wrong("Caffe's rounding gives less than Caffe2's");
  }
  return out;
}

absl::StatusOr<int64_t> PositionsOf(const OpCall& call, int64_t legacy, Axis* a) {
  const int64_t reach = a->dilation * (a->kernel - 1) + 1;
  if (legacy == kCaffe) return CaffePositions(call, *a);
  if (legacy == kSame) {
    if (a->dilation != 1) return call.Wrong("legacy_pad SAME with a dilation");
    const int64_t needed =
        ((a->in + a->stride - 1) / a->stride - 1) * a->stride + a->kernel - a->in;
    if (needed < 0) return call.Unsure("legacy_pad SAME with a stride that leaves out elements");
    a->head = needed / 2;
    a->tail = needed - a->head;
    return (a->in + needed - reach) / a->stride + 1;
  }
  const int64_t room = a->in + a->head + a->tail - reach;
  if (room > INT32_MAX) return call.Wrong("its pads are beyond 32 bits");
  if (room < 0) {
    return call.Wrong(fmt::format("a window of {} does not fit an input of {} with padding {} + {}",
                                  reach, a->in, a->head, a->tail));
  }
  if (legacy == kValid) return room / a->stride + 1;
  return static_cast<int64_t>(Steps(room, a->stride));
}

// Output sizes of all axes. With `inside`, each window must cover an element of the input.
absl::StatusOr<Dims> Slide(const OpCall& call, const Window& w, const Dims& space, bool inside) {
  if (w.kernel.size() != space.size()) {
    return call.Wrong(
        fmt::format("a kernel of {} axes over images of {}", w.kernel.size(), space.size()));
  }
  Dims out;
  for (size_t i = 0; i < space.size(); ++i) {
    Axis axis{space[i],      w.kernel[i], w.stride[i],
              w.dilation[i], w.pads[i],   w.pads[i + space.size()]};
    if (axis.kernel < 1) return call.Wrong("it has no kernel size: set the argument 'kernel'");
    if (inside && (axis.head < 0 || axis.tail < 0)) return call.Wrong("a pad is negative");
    auto size = PositionsOf(call, w.legacy, &axis);
    if (!size.ok()) return size.status();
    const bool empty = axis.head >= axis.kernel || (*size - 1) * axis.stride - axis.head >= axis.in;
    if (*size < 1 || (inside && axis.dilation == 1 && empty)) {
      return call.Wrong(fmt::format(
          "windows of {} (stride {}, padding {} + {}) on an input of {} lie on padding alone",
          axis.kernel, axis.stride, axis.head, axis.tail, axis.in));
    }
    out.push_back(*size);
  }
  return out;
}

absl::Status CheckBias(const OpCall& call, int64_t channels) {
  if (call.inputs() < 3 || call.dims(2) == Dims{channels}) return absl::OkStatus();
  return call.Wrong(fmt::format("its bias is {}, needs {}", FormatShape(call.dims(2)), channels));
}

absl::StatusOr<Outputs> Conv(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  auto space = SpaceOf(call);
  auto w = ReadWindow(call);
  if (!space.ok()) return space.status();
  if (!w.ok()) return w.status();
  if (w->global) return call.Unsure("a convolution with global_pooling");
  const int64_t group = call.Int("group", 1);
  const Dims& filter = call.dims(1);
  const size_t channel_axis = call.ChannelsLast() ? filter.size() - 1 : 1;
  if (filter.size() != call.dims(0).size() || Volume(filter) == 0) {
    return call.Wrong(
        fmt::format("a filter {} over {}", FormatShape(filter), FormatShape(call.dims(0))));
  }
  if (group < 1 || filter[channel_axis] * group != ChannelsOf(call) || filter[0] % group != 0) {
    return call.Wrong(fmt::format("{} channels in {} groups do not fit a filter of {}",
                                  ChannelsOf(call), group, FormatShape(filter)));
  }
  auto first = filter.begin() + (call.ChannelsLast() ? 1 : 2);
  if (w->kernel != Dims(first, first + static_cast<std::ptrdiff_t>(space->size()))) {
    return call.Wrong(fmt::format("a kernel of {} with a filter of {}", FormatShape(w->kernel),
                                  FormatShape(filter)));
  }
  if (call.op().engine().find("EIGEN") != std::string::npos && space->size() != 2) {
    return call.Unsure("engine EIGEN on images that do not have two axes");
  }
  if (auto status = CheckBias(call, filter[0]); !status.ok()) return status;
  auto out = Slide(call, *w, *space, false);
  if (!out.ok()) return out.status();
  // Caffe2 unfolds one image at a time and indexes that with an int.
  Dims unfolded = *out;
  unfolded.insert(unfolded.end(), w->kernel.begin(), w->kernel.end());
  unfolded.push_back(ChannelsOf(call));
  if (auto status = CheckBlobSize(unfolded); !status.ok())
    return call.Wrong(status.message().data());
  return Outputs{{WithSpace(call, filter[0], *out)}};
}

absl::StatusOr<Outputs> Pool(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  auto space = SpaceOf(call);
  auto w = ReadWindow(call);
  if (!space.ok()) return space.status();
  if (!w.ok()) return w.status();
  const auto is = [](const Dims& values, int64_t wanted) {
    return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
  };
  if (!is(w->dilation, 1)) return call.Wrong("a pool has no dilation");
  if (w->global) {
    if (!is(w->pads, 0) || !is(w->stride, 1))
      return call.Wrong("a global pool with pads or stride");
    if (NameAsksForKernel(call) &&
        !std::all_of(w->kernel.begin(), w->kernel.end(), [](int64_t k) { return k > 0; })) {
      return call.Wrong(
          fmt::format("Caffe2 wants a kernel for a global pool named '{}'; rename the "
                      "operator or give it one",
                      call.op().name()));
    }
    if (w->kernel.size() < space->size())
      return call.Wrong("its kernel has fewer axes than images");
    return Outputs{{WithSpace(call, ChannelsOf(call), Dims(space->size(), 1))}};
  }
  for (size_t i = 0; i < w->pads.size(); ++i) {
    if (w->pads[i] >= w->kernel[i % w->kernel.size()]) {
      return call.Wrong(fmt::format("a pad of {} is not smaller than the kernel", w->pads[i]));
    }
  }
  auto out = Slide(call, *w, *space, true);
  if (!out.ok()) return out.status();
  return Outputs{{WithSpace(call, ChannelsOf(call), *out)}};
}

absl::StatusOr<Outputs> ConvTranspose(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  auto space = SpaceOf(call);
  auto w = ReadWindow(call);
  if (!space.ok()) return space.status();
  if (!w.ok()) return w.status();
  const Dims& filter = call.dims(1);
  const int64_t group = call.Int("group", 1);
  const bool last = call.ChannelsLast();
  if (space->size() != 2 || filter.size() != 4 || w->kernel.size() != 2 || Volume(filter) == 0) {
    return call.Wrong(fmt::format("a filter {} over {}: both have four dimensions",
                                  FormatShape(filter), FormatShape(call.dims(0))));
  }
  const auto first = filter.begin() + (last ? 1 : 2);
  if (group < 1 || ChannelsOf(call) != filter[0] || filter[0] % group != 0 ||
      w->kernel != Dims(first, first + 2)) {
    return call.Wrong(
        fmt::format("{} channels in {} groups and a kernel of {} do not fit a filter "
                    "of {}",
                    ChannelsOf(call), group, FormatShape(w->kernel), FormatShape(filter)));
  }
  if (w->legacy == kCaffe) return call.Wrong("legacy_pad 3 is no longer supported");
  const int64_t channels = (last ? filter[3] : filter[1]) * group;
  if (auto status = CheckBias(call, channels); !status.ok()) return status;
  Dims out;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t head = w->pads[i], tail = w->pads[i + 2];
    const int64_t size = ((*space)[i] - 1) * w->stride[i] + w->kernel[i] + w->adj[i] - head - tail;
    if (head < 0 || tail < 0 || w->adj[i] < 0 || w->adj[i] > w->stride[i] || size < 1) {
      return call.Wrong(
          fmt::format("pads {} + {} and adj {} give an output of {}", head, tail, w->adj[i], size));
    }
    out.push_back(size);
  }
  return Outputs{{WithSpace(call, channels, out)}};
}

absl::StatusOr<Outputs> PadImage(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  auto space = SpaceOf(call);
  auto w = ReadWindow(call);
  if (!space.ok()) return space.status();
  if (!w.ok()) return w.status();
  const std::string mode = call.Text("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge") {
    return call.Wrong("its mode is none of constant, reflect and edge");
  }
  const Dims ones = {1, 1};
  if (space->size() != 2 || w->pads.size() != 4 || w->stride != ones || w->dilation != ones ||
      w->legacy != kNotSet || w->global || NameAsksForKernel(call)) {
    return call.Wrong(
        "it pads images of two axes, has no stride, dilation or legacy_pad, and its "
        "name neither begins with 'Conv' nor has 'Pool' in it");
  }
  Dims out;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t in = (*space)[i];
    const int64_t most = std::max(w->pads[i], w->pads[i + 2]);
    const int64_t size = in + w->pads[i] + w->pads[i + 2];
    if (size < 1 || (mode == "reflect" && most >= in)) {
      return call.Wrong(
          fmt::format("pads {} + {} do not fit an input of {}", w->pads[i], w->pads[i + 2], in));
    }
    out.push_back(size);
  }
  return Outputs{{WithSpace(call, ChannelsOf(call), out)}};
}

constexpr OperatorRow Row(std::string_view type, int most_inputs, ShapeRule rule) {
  return {type, most_inputs == 1 ? 1 : 2, most_inputs, 1, 1, InPlace::kNo, rule};
}

constexpr std::array kRows = {
    Row("Conv", 3, Conv),
    Row("Conv1D", 3, Conv),
    Row("Conv2D", 3, Conv),
    Row("Conv3D", 3, Conv),
    Row("ConvTranspose", 3, ConvTranspose),
    Row("AveragePool", 1, Pool),
    Row("AveragePool1D", 1, Pool),
    Row("AveragePool2D", 1, Pool),
    Row("AveragePool3D", 1, Pool),
    Row("MaxPool", 1, Pool),
    Row("MaxPool1D", 1, Pool),
    Row("MaxPool2D", 1, Pool),
    Row("MaxPool3D", 1, Pool),
    Row("PadImage", 1, PadImage),
};

}  // namespace

std::span<const OperatorRow> WindowOperators() { return kRows; }

}  // namespace synergy
