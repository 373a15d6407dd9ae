#include "client/models/shapes.h"

#include <limits>

#include "absl/status/status.h"
#include "common/op_cost.h"
#include "fmt/format.h"

namespace synergy {
namespace {

absl::Status Invalid(std::string text) { return absl::InvalidArgumentError(text); }

struct Axis {
  int64_t in = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t pad = 0;  // both sides together
  int64_t dilation = 1;
};

// Positions of a window along an axis; the numbers were bounded by CheckBlobShape and CheckWindow.
absl::StatusOr<int64_t> Positions(const Axis& axis) {
  const int64_t reach = axis.dilation * (axis.kernel - 1) + 1;
  const int64_t room = axis.in + axis.pad - reach;
  if (room < 0) {
    return Invalid(fmt::format("a window of {} does not fit an input of {} with padding {}", reach,
                               axis.in, axis.pad));
  }
  return room / axis.stride + 1;
}

absl::Status CheckWindow(int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  constexpr int64_t kMost = std::numeric_limits<int16_t>::max();  // far beyond any real layer
  for (int64_t value : {kernel, stride, dilation}) {
    if (value < 1 || value > kMost) {
      return Invalid(fmt::format("kernel {}, stride {}, dilation {}: each is 1 to {}", kernel,
                                 stride, dilation, kMost));
    }
  }
  if (pad < 0 || pad > kMost) return Invalid(fmt::format("pad {} is not 0 to {}", pad, kMost));
  return absl::OkStatus();
}

// Caffe's rounding of a pool: up, but a window that would begin on the padding is dropped.
int64_t CeilPositions(const Axis& axis, int64_t head_pad) {
  const int64_t room = axis.in + axis.pad - axis.kernel;
  int64_t out = (room + axis.stride - 1) / axis.stride + 1;
  if ((out - 1) * axis.stride >= axis.in + head_pad) --out;
  return out;
}

}  // namespace

absl::Status CheckBlobShape(const Dims& dims) {
  for (int64_t dim : dims) {
    if (dim < 1) return Invalid(fmt::format("shape {} has a dimension below 1", FormatShape(dims)));
  }
  auto elements = CountElements(dims);
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (!elements.ok() || *elements > kMost) {
    return Invalid(
        fmt::format("shape {} has more than {} elements, which Caffe2 cannot index; "
                    "choose a smaller batch",
                    FormatShape(dims), kMost));
  }
  return absl::OkStatus();
}

absl::Status CheckImage(const Dims& in) {
  if (in.size() == 4) return absl::OkStatus();
  return Invalid(fmt::format("its input {} is not a batch of images (NCHW)", FormatShape(in)));
}

absl::StatusOr<Dims> ConvShape(const Dims& in, const ConvSpec& spec) {
  if (auto status = CheckImage(in); !status.ok()) return status;
  // By axis, from the height.
  const int64_t kernels[] = {spec.kernel, spec.kernel_w.value_or(spec.kernel)};
  const int64_t pads[] = {spec.pad, spec.pad_w.value_or(spec.pad)};
  for (const size_t axis : {size_t{0}, size_t{1}}) {
    auto window = CheckWindow(kernels[axis], spec.stride, pads[axis], spec.dilation);
    if (!window.ok()) return window;
  }
  if (spec.out < 1 || spec.group < 1 || in[1] % spec.group != 0 || spec.out % spec.group != 0) {
    return Invalid(
        fmt::format("{} channels to {} cannot be split in {} groups", in[1], spec.out, spec.group));
  }
  Dims out = {in[0], spec.out};
  for (const size_t axis : {size_t{0}, size_t{1}}) {
    auto size =
        Positions({in[axis + 2], kernels[axis], spec.stride, 2 * pads[axis], spec.dilation});
    if (!size.ok()) return size.status();
    out.push_back(*size);
  }
  return out;
}

absl::StatusOr<Dims> FcShape(const Dims& in, const FcSpec& spec) {
  if (in.size() < 2 || spec.out < 1) {
    return Invalid(fmt::format("{} outputs from an input of {}", spec.out, FormatShape(in)));
  }
  return Dims{in[0], spec.out};
}

absl::StatusOr<Dims> GlobalPoolShape(const Dims& in) {
  if (auto status = CheckImage(in); !status.ok()) return status;
  return Dims{in[0], in[1], 1, 1};
}

absl::StatusOr<PoolShape> PoolShapeOf(const Dims& in, const PoolSpec& spec) {
  if (auto status = CheckImage(in); !status.ok()) return status;
  auto window = CheckWindow(spec.kernel, spec.stride, spec.pad, 1);
  if (!window.ok()) return window;
  if (spec.pad >= spec.kernel) {
    return Invalid(
        fmt::format("pad {} puts a whole window of {} on padding", spec.pad, spec.kernel));
  }
  PoolShape shape{{in[0], in[1]}, spec.pad, spec.pad};
  int64_t* pad_end = &shape.pad_bottom;
  for (size_t i = 2; i < in.size(); ++i, pad_end = &shape.pad_right) {
    const Axis axis{in[i], spec.kernel, spec.stride, 2 * spec.pad, 1};
    auto size = Positions(axis);
    if (!size.ok()) return size.status();
    if (spec.ceil) {
      const int64_t out = CeilPositions(axis, spec.pad);
      if (out > *size) {
        *pad_end = (out - 1) * spec.stride + spec.kernel - in[i] - spec.pad;
        size = out;
      }
    }
    shape.out.push_back(*size);
  }
  return shape;
}

absl::StatusOr<Dims> ConcatShape(const std::vector<Dims>& in) {
  if (in.empty()) return Invalid("it has no input");
  Dims out = in[0];
  for (size_t i = 0; i < in.size(); ++i) {
    if (auto status = CheckImage(in[i]); !status.ok()) return status;
    Dims expected = in[0];
    expected[1] = in[i][1];
    if (in[i] != expected) {
      return Invalid(fmt::format("inputs {} and {} differ in more than their channels",
                                 FormatShape(in[0]), FormatShape(in[i])));
    }
    if (i > 0) out[1] += in[i][1];
  }
  return out;
}

absl::StatusOr<std::vector<Dims>> SplitShapes(const Dims& in, int64_t parts) {
  if (auto status = CheckImage(in); !status.ok()) return status;
  if (parts < 1 || in[1] % parts != 0) {
    return Invalid(fmt::format("{} channels cannot be split in {} equal parts", in[1], parts));
  }
  return std::vector<Dims>(static_cast<size_t>(parts), {in[0], in[1] / parts, in[2], in[3]});
}

absl::StatusOr<Dims> SumShape(const std::vector<Dims>& in) {
  if (in.empty()) return Invalid("it has no input");
  for (const Dims& dims : in) {
    if (dims != in[0]) {
      return Invalid(fmt::format("inputs {} and {} differ", FormatShape(in[0]), FormatShape(dims)));
    }
  }
  return in[0];
}

}  // namespace synergy
