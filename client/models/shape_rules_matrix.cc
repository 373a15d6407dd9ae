// Matrix products, and normalisation by channel.
#include <algorithm>
#include <array>
#include <utility>

#include "client/models/shape_rules.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// FC multiplies with the transposed weights, FCTransposed with the weights.
absl::StatusOr<Outputs> FullyConnected(const OpCall& call, bool transposed_weights) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  const Dims &x = call.dims(0), &w = call.dims(1);
  auto axis = call.Axis(call.Int("axis", 1), x.size());
  auto axis_w = call.Axis(call.Int("axis_w", 1), w.size());
  if (!axis.ok()) return axis.status();
  if (!axis_w.ok()) return axis_w.status();
  const auto at = static_cast<size_t>(*axis), at_w = static_cast<size_t>(*axis_w);
  const int64_t k = Volume(x, at);
  const int64_t rows = Volume(w, 0, at_w), columns = Volume(w, at_w);
  const int64_t n = transposed_weights ? rows : columns;
  if (k == 0 || n == 0 || k != (transposed_weights ? columns : rows) || call.dims(2) != Dims{n}) {
    return call.Wrong(fmt::format("input {}, weights {} and bias {} do not fit", FormatShape(x),
                                  FormatShape(w), FormatShape(call.dims(2))));
  }
  Dims y(x.begin(), x.begin() + *axis);
  y.push_back(n);
  return Outputs{{y}};
}

absl::StatusOr<Outputs> Fc(const OpCall& call) { return FullyConnected(call, true); }
absl::StatusOr<Outputs> FcTransposed(const OpCall& call) { return FullyConnected(call, false); }

// Both are cut into matrices at an axis.
absl::StatusOr<Outputs> MatMul(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  if (call.inputs() == 3) return call.Unsure("a third input");
  int64_t rows[2], columns[2];
  for (size_t i = 0; i < 2; ++i) {
    const Dims& x = call.dims(i);
    auto axis = call.Axis(call.Int(i == 0 ? "axis_a" : "axis_b", 1), x.size());
    if (!axis.ok()) return axis.status();
    rows[i] = Volume(x, 0, static_cast<size_t>(*axis));
    columns[i] = Volume(x, static_cast<size_t>(*axis));
    if (call.Flag(i == 0 ? "trans_a" : "trans_b", false)) std::swap(rows[i], columns[i]);
  }
  if (columns[0] != rows[1] || Volume(call.dims(0)) == 0 || Volume(call.dims(1)) == 0) {
    return call.Wrong(fmt::format("{}x{} times {}x{}", rows[0], columns[0], rows[1], columns[1]));
  }
  return Outputs{{{rows[0], columns[1]}}};
}

// The last two dimensions are matrices, the others a batch. A vector is a matrix without its
// missing dimension.
absl::StatusOr<Outputs> BatchMatMul(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  const Dims &a = call.dims(0), &b = call.dims(1);
  const auto misfit = [&] {
    return call.Wrong(fmt::format("{} times {}{}", FormatShape(a), FormatShape(b),
                                  call.Flag("broadcast", false) ? "" : " (without broadcast)"));
  };
  if (a.empty() || b.empty() || Volume(a) == 0 || Volume(b) == 0) return misfit();
  const bool trans_a = call.Flag("trans_a", false), trans_b = call.Flag("trans_b", false);
  const auto last = [](const Dims& x, size_t i) { return x[x.size() - i]; };
  const int64_t k_a = a.size() > 1 && trans_a ? last(a, 2) : last(a, 1);
  const int64_t k_b = b.size() > 1 && !trans_b ? last(b, 2) : last(b, 1);
  if (k_a != k_b) return misfit();
  if (a.size() == 1 && b.size() == 1) return Outputs{{{1}}};
  if (b.size() == 1) {
    // Caffe2 gives the result the shape of an untransposed product, and writes beyond it.
    if (trans_a) return call.Unsure("trans_a with a vector");
    return Outputs{{Dims(a.begin(), a.end() - 1)}};
  }
  const int64_t n = trans_b ? last(b, 2) : last(b, 1);
  if (a.size() == 1) {
    Dims y(b.begin(), b.end() - 2);
    y.push_back(trans_b ? last(b, 2) : n);
    return Outputs{{y}};
  }
  Dims y = a.size() >= b.size() ? a : b;
  bool broadcast = a.size() != b.size();
  for (size_t i = 3; i <= std::min(a.size(), b.size()); ++i) {
    const int64_t x = last(a, i), z = last(b, i);
    if (x != z && x != 1 && z != 1) return misfit();
    broadcast = broadcast || x != z;
    y[y.size() - i] = std::max(x, z);
  }
  if (broadcast && !call.Flag("broadcast", false)) {
    // Dimensions that only one of the two has broadcast too, unless they are ones.
    const Dims& longer = a.size() >= b.size() ? a : b;
    const size_t extra = longer.size() - std::min(a.size(), b.size());
    bool ones = Volume(longer, 0, extra) == 1;
    for (size_t i = 3; i <= std::min(a.size(), b.size()); ++i)
      ones = ones && last(a, i) == last(b, i);
    if (!ones) return misfit();
  }
  y[y.size() - 2] = trans_a ? last(a, 1) : last(a, 2);
  y[y.size() - 1] = n;
  return Outputs{{y}};
}

absl::StatusOr<int64_t> Channels(const OpCall& call) {
  const Dims& x = call.dims(0);
  if (x.size() < 2 || Volume(x, 1) == 0) {
    return call.Wrong(fmt::format("its input {} has no channels", FormatShape(x)));
  }
  return call.ChannelsLast() ? x.back() : x[1];
}

// Inputs [1, end) have a value per channel.
absl::StatusOr<int64_t> NeedPerChannel(const OpCall& call, size_t end) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  auto channels = Channels(call);
  if (!channels.ok()) return channels;
  for (size_t i = 1; i < end; ++i) {
    if (auto status = call.NeedElements(i, *channels); !status.ok()) return status;
  }
  return channels;
}

absl::StatusOr<Outputs> SpatialBn(const OpCall& call) {
  if (!call.Flag("is_test", false)) {
    return call.Unsure("it learns, as in training; set its argument is_test to 1");
  }
  auto channels = NeedPerChannel(call, 5);
  if (!channels.ok()) return channels.status();
  const double momentum = call.Float("momentum", 0.9);
  if (!(call.Float("epsilon", 1e-5) > 0) || !(momentum >= 0 && momentum <= 1)) {
    return call.Wrong("its epsilon is not above 0, or its momentum not 0 to 1");
  }
  return SameAsFirst(call);
}

absl::StatusOr<Outputs> InstanceNorm(const OpCall& call) {
  auto channels = NeedPerChannel(call, 3);
  if (!channels.ok()) return channels.status();
  if (Volume(call.dims(0)) == 0 || !(call.Float("epsilon", 1e-5) >= 0)) {
    return call.Wrong("its input is empty, or its epsilon below 0");
  }
  const Dims instances = {call.dims(0)[0], *channels};
  return Outputs{{call.dims(0)}, {instances}, {instances}};  // with the mean and 1 / deviation
}

absl::StatusOr<Outputs> AffineChannel(const OpCall& call) {
  auto channels = NeedPerChannel(call, 3);
  if (!channels.ok()) return channels.status();
  if (Volume(call.dims(0)) == 0) return call.Wrong("its input is empty");
  if (call.Flag("is_learnable", false) && call.Aliases(0, 0)) {
    return call.Wrong("is_learnable in place");
  }
  return SameAsFirst(call);
}

absl::StatusOr<Outputs> Lrn(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  const Dims& x = call.dims(0);
  const int64_t size = call.Int("size", 0);
  if (x.size() != 4 || Volume(x) == 0 || size < 1) {
    return call.Wrong(
        fmt::format("size {} over an input {}: it normalises images over at least one "
                    "channel",
                    size, FormatShape(x)));
  }
  const int64_t channels = call.ChannelsLast() ? x[3] : x[1];
  if (size > 2 * channels + 1) {
    return call.Wrong(fmt::format("size {} is far beyond {} channels", size, channels));
  }
  return Outputs{{x}, {x}};  // the second: the scale
}

absl::StatusOr<Outputs> ChannelShuffle(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  auto channels = Channels(call);
  if (!channels.ok()) return channels.status();
  const int64_t group = call.Int("group", 1);
  if (group < 1 || *channels % group != 0) {
    return call.Wrong(fmt::format("{} channels in {} groups", *channels, group));
  }
  return SameAsFirst(call);
}

constexpr std::array kRows = {
    OperatorRow{"FC", 3, 3, 1, 1, InPlace::kNo, Fc},
    OperatorRow{"FCTransposed", 3, 3, 1, 1, InPlace::kNo, FcTransposed},
    OperatorRow{"MatMul", 2, 3, 1, 1, InPlace::kNo, MatMul},
    OperatorRow{"BatchMatMul", 2, 2, 1, 1, InPlace::kNo, BatchMatMul},
    OperatorRow{"InstanceNorm", 3, 3, 1, 3, InPlace::kFirst, InstanceNorm},
    OperatorRow{"AffineChannel", 3, 3, 1, 1, InPlace::kFirst, AffineChannel},
    OperatorRow{"SpatialBN", 5, 5, 1, 1, InPlace::kFirst, SpatialBn},
    OperatorRow{"LRN", 1, 1, 1, 2, InPlace::kNo, Lrn},
    OperatorRow{"ChannelShuffle", 1, 1, 1, 1, InPlace::kNo, ChannelShuffle},
};

}  // namespace

std::span<const OperatorRow> MatrixOperators() { return kRows; }

}  // namespace synergy
