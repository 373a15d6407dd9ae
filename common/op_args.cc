#include "common/op_args.h"

#include <algorithm>
#include <cstddef>

#include "fmt/format.h"

namespace synergy {

absl::Status InvalidOp(const OpSpec& op, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("cost of a {} operator: {}", op.type, what));
}

int64_t IntArg(const OpSpec& op, const std::string& name, int64_t otherwise) {
  auto it = op.ints.find(name);
  return it == op.ints.end() || it->second.empty() ? otherwise : it->second.front();
}

absl::StatusOr<std::vector<int64_t>> SpatialArg(const OpSpec& op, const std::string& name,
                                                size_t rank, int64_t otherwise) {
  std::vector<int64_t> values(rank, IntArg(op, name, otherwise));
  auto list = op.ints.find(name + "s");
  if (!op.ints.contains(name) && list != op.ints.end() && !list->second.empty()) {
    values = list->second;
  } else if (rank == 2 && op.ints.contains(name + "_h") && op.ints.contains(name + "_w")) {
    values = {IntArg(op, name + "_h", otherwise), IntArg(op, name + "_w", otherwise)};
  }
  if (values.size() != rank) {
    return InvalidOp(
        op, fmt::format("{}s has {} values for {} spatial axes", name, values.size(), rank));
  }
  return values;
}

absl::StatusOr<std::vector<int64_t>> HeadPads(const OpSpec& op, size_t rank) {
  std::vector<int64_t> pads(rank, IntArg(op, "pad", 0));
  auto list = op.ints.find("pads");
  if (!op.ints.contains("pad") && list != op.ints.end() && !list->second.empty()) {
    if (list->second.size() != 2 * rank) {
      return InvalidOp(
          op, fmt::format("pads has {} values for {} spatial axes", list->second.size(), rank));
    }
    pads.assign(list->second.begin(), list->second.begin() + static_cast<std::ptrdiff_t>(rank));
  } else if (rank == 2 && op.ints.contains("pad_t") && op.ints.contains("pad_l")) {
    pads = {IntArg(op, "pad_t", 0), IntArg(op, "pad_l", 0)};
  }
  return pads;
}

absl::StatusOr<ImageShape> AsImage(const OpSpec& op, const OpTensor& tensor) {
  const std::vector<int64_t>& dims = tensor.dims;
  if (dims.size() < 3) {
    return InvalidOp(op, fmt::format("the shape {} is not one of images", FormatShape(dims)));
  }
  if (op.order == "NCHW") return ImageShape{dims[0], dims[1], {dims.begin() + 2, dims.end()}};
  if (op.order == "NHWC")
    return ImageShape{dims[0], dims.back(), {dims.begin() + 1, dims.end() - 1}};
  return InvalidOp(op, fmt::format("order '{}' is neither NCHW nor NHWC", op.order));
}

namespace {

// Sum of (i * step + offset) for i in [begin, end).
CheckedInt SumOfSteps(int64_t begin, int64_t end, int64_t step, CheckedInt offset) {
  const CheckedInt twice = (CheckedInt(begin) + end - 1) * (CheckedInt(end) - begin);
  return offset * (end - begin) + (twice.overflow() ? twice : CheckedInt(twice.value() / 2)) * step;
}

}  // namespace

absl::StatusOr<CheckedInt> SumOfWindows(const OpSpec& op, const WindowAxis& w) {
  if (w.kernel < 1 || w.stride < 1 || w.pad < 0) {
    return InvalidOp(op, fmt::format("kernel {}, stride {}, pad {}: the first two are at least 1, "
                                     "a pad at least 0",
                                     w.kernel, w.stride, w.pad));
  }
  if (w.out == 0) return CheckedInt(0);
  // Window i covers [i * stride - pad, i * stride - pad + kernel) of [0, in). The sum is closed, so
  // that an absurd size costs no time.
  const CheckedInt last = CheckedInt(w.out - 1) * w.stride - w.pad;
  const CheckedInt room = CheckedInt(w.in) + w.pad - w.kernel;
  if (last.overflow() || room.overflow() || (last + w.kernel).overflow())
    return last + w.kernel + room;
  if (w.pad >= w.kernel || last.value() >= w.in) {
    return InvalidOp(op,
                     fmt::format("{} windows (kernel {}, stride {}, pad {}) do not fit an input "
                                 "of {}",
                                 w.out, w.kernel, w.stride, w.pad, w.in));
  }
  const int64_t on_head = w.pad == 0 ? 0 : std::min(w.out, (w.pad - 1) / w.stride + 1);
  const int64_t before_tail = room.value() < 0 ? 0 : std::min(w.out, room.value() / w.stride + 1);
  const CheckedInt begins = SumOfSteps(on_head, w.out, w.stride, -w.pad);
  const CheckedInt ends = SumOfSteps(0, before_tail, w.stride, w.kernel - w.pad) +
                          CheckedInt(w.out - before_tail) * w.in;
  return ends - begins;
}

}  // namespace synergy
