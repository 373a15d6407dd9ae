#include "client/models/layer_arguments.h"

#include <cstdint>
#include <initializer_list>

#include "client/models/fillers.h"
#include "fmt/format.h"

namespace synergy {
namespace {

absl::Status CheckWindow(std::initializer_list<int64_t> sizes,
                         std::initializer_list<int64_t> pads) {
  constexpr int64_t kMost = INT16_MAX;
  for (int64_t size : sizes) {
    if (size < 1 || size > kMost) {
      return absl::InvalidArgumentError(
          fmt::format("kernel, stride, dilation and group are 1 to {}, not {}", kMost, size));
    }
  }
  for (int64_t pad : pads) {
    if (pad < 0 || pad > kMost) {
      return absl::InvalidArgumentError(fmt::format("pad {} is not 0 to {}", pad, kMost));
    }
  }
  return absl::OkStatus();
}

// The padding at the end of an axis of `in` elements with which rounding down gives what Caffe's
// rounding gives: up, but a window that would begin on the padding is dropped.
int64_t PadAtEnd(const PoolSpec& spec, int64_t in) {
  const int64_t room = in + 2 * spec.pad - spec.kernel;  // for the window to move in
  if (!spec.ceil || room < 0) return spec.pad;
  const int64_t overhang = (spec.stride - room % spec.stride) % spec.stride;
  const bool begins_on_padding = room + overhang >= in + spec.pad;
  return begins_on_padding ? spec.pad : spec.pad + overhang;
}

}  // namespace

absl::Status AddArguments(const ConvSpec& spec, caffe2::OperatorDef* op) {
  const int64_t kernel_w = spec.kernel_w.value_or(spec.kernel);
  const int64_t pad_w = spec.pad_w.value_or(spec.pad);
  const auto status = CheckWindow({spec.kernel, kernel_w, spec.stride, spec.dilation, spec.group},
                                  {spec.pad, pad_w});
  if (!status.ok()) return status;
  // Caffe2 takes either one number for both axes or one for each.
  if (!spec.kernel_w && !spec.pad_w) {
    AddIntArg(*op, "kernel", spec.kernel);
    AddIntArg(*op, "stride", spec.stride);
    AddIntArg(*op, "pad", spec.pad);
  } else {
    AddIntArg(*op, "kernel_h", spec.kernel);
    AddIntArg(*op, "kernel_w", kernel_w);
    AddIntArg(*op, "stride", spec.stride);
    for (const char* side : {"pad_t", "pad_b"}) AddIntArg(*op, side, spec.pad);
    for (const char* side : {"pad_l", "pad_r"}) AddIntArg(*op, side, pad_w);
  }
  if (spec.dilation != 1) AddIntArg(*op, "dilation", spec.dilation);
  if (spec.group != 1) AddIntArg(*op, "group", spec.group);
  return absl::OkStatus();
}

absl::Status AddArguments(const PoolSpec& spec, const Dims& in, caffe2::OperatorDef* op) {
  const auto status = CheckWindow({spec.kernel, spec.stride}, {spec.pad});
  if (!status.ok()) return status;
  AddIntArg(*op, "kernel", spec.kernel);
  AddIntArg(*op, "stride", spec.stride);
  AddIntArg(*op, "pad_t", spec.pad);
  AddIntArg(*op, "pad_l", spec.pad);
  AddIntArg(*op, "pad_b", PadAtEnd(spec, in[2]));
  AddIntArg(*op, "pad_r", PadAtEnd(spec, in[3]));
  return absl::OkStatus();
}

void AddArguments(const LrnSpec& spec, caffe2::OperatorDef* op) {
  AddIntArg(*op, "size", spec.size);
  AddFloatArg(*op, "alpha", spec.alpha);
  AddFloatArg(*op, "beta", spec.beta);
  AddFloatArg(*op, "bias", spec.bias);
}

}  // namespace synergy
