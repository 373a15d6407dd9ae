#include "client/models/sliding_window.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fmt/format.h"

namespace synergy {
namespace {

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
  if (legacy == kPadCaffe) return CaffePositions(call, *a);
  if (legacy == kPadSame) {
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
  if (legacy == kPadValid) return room / a->stride + 1;
  return static_cast<int64_t>(Steps(room, a->stride));
}

}  // namespace

bool NameAsksForKernel(const OpCall& call) {
  const std::string& name = call.op().name();
  return name.starts_with("Conv") || name.find("Pool") != std::string::npos;
}

absl::StatusOr<Window> ReadWindow(const OpCall& call) {
  Window w;
  bool pads_given = false;
  w.legacy = call.Int("legacy_pad", kPadNotSet);
  w.global = call.Int("global_pooling", 0) != 0;
  w.kernel = PerAxis(call, "kernel", 0);
  w.stride = PerAxis(call, "stride", 0);
  w.dilation = PerAxis(call, "dilation", 0);
  w.adj = PerAxis(call, "adj", 0);
  w.pads = Pads(call, &pads_given);
  if (!call.status().ok()) return call.status();
  if (w.legacy < kPadNotSet || w.legacy > kPadCaffe) {
    return call.Wrong(fmt::format("legacy_pad {} is none of Caffe2's", w.legacy));
  }
  const bool automatic = w.legacy == kPadValid || w.legacy == kPadSame;
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

}  // namespace synergy
