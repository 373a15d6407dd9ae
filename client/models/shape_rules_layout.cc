// Operators that move elements and compute nothing.
#include <algorithm>
#include <array>
#include <numeric>

#include "client/models/shape_rules.h"
#include "common/checked_int.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr auto kInt = v1::DATA_TYPE_INT32;
constexpr auto kLong = v1::DATA_TYPE_INT64;

// The axis of Concat and Split: an argument, or the channels' by the order.
absl::StatusOr<int64_t> JoinAxis(const OpCall& call, size_t rank) {
  if (call.Has("axis") && call.Has("order")) return call.Wrong("it has both axis and order");
  if (call.Has("axis")) return call.Axis(call.Int("axis", -1), rank);
  return call.Axis(call.ChannelsLast() ? 3 : 1, rank);
}

absl::StatusOr<Outputs> Concat(const OpCall& call) {
  const Dims& first = call.dims(0);
  const bool add = call.Has("axis") && call.Int("add_axis", 0) != 0;
  auto axis = JoinAxis(call, first.size() + (add ? 1 : 0));
  if (!axis.ok()) return axis.status();
  const auto at = static_cast<size_t>(*axis);
  int64_t joined = 0;
  for (size_t i = 0; i < call.inputs(); ++i) {
    Dims expected = first;
    if (!add && call.dims(i).size() == first.size()) expected[at] = call.dims(i)[at];
    if (call.dims(i) != expected || call.type(i) != call.type(0)) {
      return call.Wrong(fmt::format("inputs {} {} and {} {} do not fit along axis {}",
                                    FormatShape(first), DataTypeName(call.type(0)),
                                    FormatShape(call.dims(i)), DataTypeName(call.type(i)), *axis));
    }
    joined += add ? 1 : call.dims(i)[at];
  }
  Dims y = first;
  if (add) {
    y.insert(y.begin() + *axis, joined);
  } else {
    y[at] = joined;
  }
  return Outputs{{y, call.type(0)}, {{static_cast<int64_t>(call.inputs())}, kInt}};
}

absl::StatusOr<Outputs> Pieces(const OpCall& call, size_t at, const Dims& lengths) {
  Outputs outputs;
  int64_t total = 0;
  for (int64_t length : lengths) {
    Dims y = call.dims(0);
    y[at] = length;
    outputs.push_back({y, call.type(0)});
    if (length < 0) return call.Wrong("a piece has a negative length");
    total += length;
  }
  if (lengths.size() != call.outputs() || total != call.dims(0)[at]) {
    return call.Wrong(fmt::format("pieces of {} for {} outputs from {} along axis {}",
                                  FormatShape(lengths), call.outputs(), FormatShape(call.dims(0)),
                                  at));
  }
  return outputs;
}

absl::StatusOr<Outputs> Split(const OpCall& call) {
  const Dims& x = call.dims(0);
  auto axis = JoinAxis(call, x.size());
  if (!axis.ok()) return axis.status();
  const auto at = static_cast<size_t>(*axis);
  const auto count = static_cast<int64_t>(call.outputs());
  if (call.Has("axis") && call.Int("add_axis", 0) != 0) {
    if (x[at] != count) return call.Wrong("with add_axis it has an output per slice");
    Dims y = x;
    y.erase(y.begin() + *axis);
    return Outputs(call.outputs(), {y, call.type(0)});
  }
  Dims lengths = call.Ints("split");
  if (call.inputs() == 2) {
    if (!lengths.empty()) return call.Wrong("it has both an argument and an input for its pieces");
    if (auto status = call.NeedType(1, {kInt}); !status.ok()) return status;
    auto values = KnownValues(call, 1, "pieces");
    if (!values.ok()) return values.status();
    lengths = *std::move(values);
  } else if (lengths.empty()) {
    if (x[at] % count != 0) {
      return call.Wrong(
          fmt::format("{} does not divide by {} outputs along axis {}", FormatShape(x), count, at));
    }
    lengths.assign(call.outputs(), x[at] / count);
  }
  return Pieces(call, at, lengths);
}

absl::StatusOr<Outputs> SplitByLengths(const OpCall& call) {
  if (call.Flag("use_scaling_lengths", false)) return call.Unsure("use_scaling_lengths");
  auto axis = call.Has("axis") ? call.Axis(call.Int("axis", 0), call.dims(0).size())
                               : JoinAxis(call, call.dims(0).size());
  if (!axis.ok()) return axis.status();
  if (auto status = call.NeedType(1, {kInt}); !status.ok()) return status;
  auto values = KnownValues(call, 1, "lengths");
  if (!values.ok()) return values.status();
  if (values->size() % call.outputs() != 0)
    return call.Wrong("its lengths do not suit its outputs");
  const size_t each = values->size() / call.outputs();
  Dims lengths(call.outputs(), 0);
  for (size_t i = 0; i < values->size(); ++i) lengths[i / each] += (*values)[i];
  return Pieces(call, static_cast<size_t>(*axis), lengths);
}

// The wanted shape with zeros copied and -1 computed.
absl::StatusOr<Dims> Reshaped(const OpCall& call, Dims wanted) {
  const Dims& x = call.dims(0);
  const int64_t total = Volume(x);
  CheckedInt known(1);
  int64_t* missing = nullptr;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && total != 0 && i < x.size()) wanted[i] = x[i];
    if (wanted[i] < -1 || (wanted[i] == -1 && missing != nullptr)) {
      return call.Wrong(fmt::format("the shape {} has negative dimensions", FormatShape(wanted)));
    }
    if (wanted[i] == -1) {
      missing = &wanted[i];
    } else {
      known *= wanted[i];
    }
  }
  if (known.overflow() || (missing == nullptr && known.value() != total) ||
      (missing != nullptr && total != 0 && (known.value() == 0 || total % known.value() != 0))) {
    return call.Wrong(fmt::format("{} has {} elements, which do not fit the shape {}",
                                  FormatShape(x), total, FormatShape(wanted)));
  }
  if (missing != nullptr) *missing = total == 0 ? 0 : total / known.value();
  return wanted;
}

absl::StatusOr<Outputs> Reshape(const OpCall& call) {
  absl::StatusOr<Dims> wanted = call.Int64s("shape");
  v1::DataType type = kLong;
  if (call.inputs() == 2) {
    if (call.Has("shape")) return call.Wrong("it has both an argument and an input for its shape");
    if (auto status = call.NeedType(1, {kInt, kLong}); !status.ok()) return status;
    if (call.dims(1).size() != 1) return call.Wrong("the shape given is not a vector");
    wanted = KnownValues(call, 1, "dimensions");
    type = call.type(1);
  } else if (!call.Has("shape")) {
    return call.Wrong("the argument 'shape' is missing");
  }
  if (!wanted.ok()) return wanted.status();
  auto y = Reshaped(call, *std::move(wanted));
  if (!y.ok()) return y.status();
  return Outputs{{*y, call.type(0)}, {{static_cast<int64_t>(call.dims(0).size())}, type}};
}

absl::StatusOr<Outputs> Flatten(const OpCall& call) {
  const Dims& x = call.dims(0);
  const int64_t axis = call.Int("axis", 1);
  if (axis < 0 || axis > static_cast<int64_t>(x.size())) {
    return call.Wrong(fmt::format("axis {} of {}", axis, FormatShape(x)));
  }
  const auto at = static_cast<size_t>(axis);
  return Outputs{{{Volume(x, 0, at), Volume(x, at)}, call.type(0)}};
}

absl::StatusOr<Outputs> Transpose(const OpCall& call) {
  const std::initializer_list<v1::DataType> types = {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64,
                                                     kInt, kLong};
  if (auto status = call.NeedType(0, types); !status.ok()) return status;
  const Dims& x = call.dims(0);
  Dims axes = call.Ints("axes");
  Dims identity(axes.empty() ? x.size() : axes.size());
  std::iota(identity.begin(), identity.end(), 0);
  if (axes.empty()) axes.assign(identity.rbegin(), identity.rend());
  if (axes.size() != x.size() ||
      !std::is_permutation(axes.begin(), axes.end(), identity.begin(), identity.end())) {
    return call.Wrong(fmt::format("the axes {} are no permutation of those of {}",
                                  FormatShape(axes), FormatShape(x)));
  }
  Dims y;
  for (int64_t axis : axes) y.push_back(x[static_cast<size_t>(axis)]);
  return Outputs{{y, call.type(0)}};
}

// The argument "dims" of ExpandDims and Squeeze: ascending, each once.
absl::StatusOr<Dims> AxesToChange(const OpCall& call) {
  Dims axes = call.Ints("dims");
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  if (axes.empty() || axes.front() < 0) {
    return call.Wrong("the argument 'dims' is missing or has a negative axis");
  }
  return axes;
}

absl::StatusOr<Outputs> ExpandDims(const OpCall& call) {
  auto axes = AxesToChange(call);
  if (!axes.ok()) return axes.status();
  Dims y = call.dims(0);
  if (axes->back() >= static_cast<int64_t>(y.size() + axes->size())) {
    return call.Wrong(
        fmt::format("axis {} of {} with {} more", axes->back(), FormatShape(y), axes->size()));
  }
  for (int64_t axis : *axes) y.insert(y.begin() + axis, 1);
  return Outputs{{y, call.type(0)}};
}

absl::StatusOr<Outputs> Squeeze(const OpCall& call) {
  auto axes = AxesToChange(call);
  if (!axes.ok()) return axes.status();
  const Dims& x = call.dims(0);
  Dims y;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool drop = std::binary_search(axes->begin(), axes->end(), static_cast<int64_t>(i));
    if (drop && x[i] != 1)
      return call.Wrong(fmt::format("axis {} of {} is not 1", i, FormatShape(x)));
    if (!drop) y.push_back(x[i]);
  }
  if (axes->back() >= static_cast<int64_t>(x.size())) {
    return call.Wrong(fmt::format("axis {} of {}", axes->back(), FormatShape(x)));
  }
  return Outputs{{y, call.type(0)}};
}

constexpr std::array kRows = {
    OperatorRow{"Concat", 1, kAny, 2, 2, InPlace::kNo, Concat},
    OperatorRow{"DepthConcat", 1, kAny, 2, 2, InPlace::kNo, Concat},
    OperatorRow{"Split", 1, 2, 1, kAny, InPlace::kNo, Split},
    OperatorRow{"DepthSplit", 1, 2, 1, kAny, InPlace::kNo, Split},
    OperatorRow{"SplitByLengths", 2, 2, 1, kAny, InPlace::kNo, SplitByLengths},
    OperatorRow{"Reshape", 1, 2, 2, 2, InPlace::kFirst, Reshape},
    OperatorRow{"Flatten", 1, 1, 1, 1, InPlace::kNo, Flatten},
    OperatorRow{"Transpose", 1, 1, 1, 1, InPlace::kNo, Transpose},
    OperatorRow{"ExpandDims", 1, 1, 1, 1, InPlace::kFirst, ExpandDims},
    OperatorRow{"Squeeze", 1, 1, 1, 1, InPlace::kFirst, Squeeze},
};

}  // namespace

std::span<const OperatorRow> LayoutOperators() { return kRows; }

}  // namespace synergy
