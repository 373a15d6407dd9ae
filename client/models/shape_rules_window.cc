// Operators that slide a window over images. What would make Caffe2 divide by zero or read beyond a
// tensor is refused.
#include <algorithm>
#include <array>

#include "client/models/sliding_window.h"
#include "fmt/format.h"

namespace synergy {
namespace {

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
  if (std::any_of(w->pads.begin(), w->pads.end(), [](int64_t pad) { return pad < 0; })) {
    return call.Wrong("a pad is negative");
  }
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
  if (w->legacy == kPadCaffe) return call.Wrong("legacy_pad 3 is no longer supported");
  const int64_t channels = (last ? filter[3] : filter[1]) * group;
  if (auto status = CheckBias(call, channels); !status.ok()) return status;
  Dims out;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t head = w->pads[i], tail = w->pads[i + 2];
    const int64_t size = ((*space)[i] - 1) * w->stride[i] + w->kernel[i] + w->adj[i] - head - tail;
    // Caffe2 itself takes an adj as large as the stride, and then reads beyond its buffer.
    if (w->adj[i] < 0 || w->adj[i] >= w->stride[i]) {
      return call.Wrong(fmt::format("adj {} with a stride of {}: adj must be below the stride",
                                    w->adj[i], w->stride[i]));
    }
    if (head < 0 || tail < 0 || size < 1) {
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
      w->legacy != kPadNotSet || w->global || NameAsksForKernel(call)) {
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
