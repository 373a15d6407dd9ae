// Matrix products, and normalisation by channel.
#include <algorithm>
#include <array>

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
    OperatorRow{"SpatialBN", 5, 5, 1, 1, InPlace::kFirst, SpatialBn},
    OperatorRow{"LRN", 1, 1, 1, 2, InPlace::kNo, Lrn},
    OperatorRow{"ChannelShuffle", 1, 1, 1, 1, InPlace::kNo, ChannelShuffle},
};

}  // namespace

std::span<const OperatorRow> MatrixOperators() { return kRows; }

}  // namespace synergy
