// Operators that pick, repeat or fold elements along axes, and those that change the element type.
#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>

#include "client/models/shape_rules.h"
#include "common/checked_int.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr auto kFloat = v1::DATA_TYPE_FLOAT32;
constexpr auto kDouble = v1::DATA_TYPE_FLOAT64;
constexpr auto kInt = v1::DATA_TYPE_INT32;
constexpr auto kLong = v1::DATA_TYPE_INT64;

absl::Status NeedNumbers(const OpCall& call) {
  return call.NeedType(0, {kInt, kLong, kFloat, kDouble});
}

absl::StatusOr<Outputs> Reduced(const OpCall& call) {
  const Dims& x = call.dims(0);
  Dims axes = call.Ints("axes");
  for (int64_t& axis : axes) {
    auto canonical = call.Axis(axis, x.size());
    if (!canonical.ok()) return canonical.status();
    axis = *canonical;
  }
  std::sort(axes.begin(), axes.end());
  // Caffe2 would write beyond its output with an axis twice.
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    return call.Wrong("it has an axis twice");
  }
  if (Volume(x) == 0) return call.Wrong(fmt::format("{} has nothing to reduce", FormatShape(x)));
  const bool keep = call.Flag("keepdims", true);
  Dims y;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool fold =
        axes.empty() || std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i));
    if (!fold || keep) y.push_back(fold ? 1 : x[i]);
  }
  return Outputs{{y, call.type(0)}};
}

absl::StatusOr<Outputs> ReduceNumbers(const OpCall& call) {
  if (auto status = NeedNumbers(call); !status.ok()) return status;
  return Reduced(call);
}

absl::StatusOr<Outputs> ReduceFloats(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  return Reduced(call);
}

// A negative end counts from behind the last element, as only in Caffe2: -1 is the end.
absl::StatusOr<Outputs> Slice(const OpCall& call) {
  const Dims& x = call.dims(0);
  absl::StatusOr<Dims> starts = call.Int64s("starts"), ends = call.Int64s("ends");
  if (call.inputs() == 2) return call.Wrong("it has starts but no ends");
  if (call.inputs() == 3) {
    for (size_t i = 1; i < 3; ++i) {
      if (auto status = call.NeedType(i, {kInt, kLong}); !status.ok()) return status;
      if (call.dims(i).size() != 1) return call.Wrong("its starts or ends are not a vector");
    }
    if (call.type(1) != call.type(2)) return call.Wrong("its starts and ends differ in type");
    starts = KnownValues(call, 1, "starts");
    ends = KnownValues(call, 2, "ends");
  }
  if (!starts.ok()) return starts.status();
  if (!ends.ok()) return ends.status();
  if (starts->size() != ends->size() || starts->size() > x.size() || starts->empty()) {
    return call.Wrong(
        fmt::format("{} starts and {} ends for {}", starts->size(), ends->size(), FormatShape(x)));
  }
  Dims y = x;
  int sliced = 0;
  for (size_t i = 0; i < starts->size(); ++i) {
    const auto place = [&](int64_t at) { return std::min(x[i], at < 0 ? x[i] + 1 + at : at); };
    const int64_t start = place((*starts)[i]), end = place((*ends)[i]);
    if (x[i] == 0) continue;
    if (start < 0 || end < start) {
      return call.Wrong(fmt::format("a slice from {} to {} of axis {} of {}", (*starts)[i],
                                    (*ends)[i], i, FormatShape(x)));
    }
    y[i] = end - start;
    if (start > 0 || end < x[i]) ++sliced;
  }
  if (sliced > 1 && Volume(x) > 0) {
    return call.Wrong("Caffe2 slices along one axis at a time; use an operator per axis");
  }
  return Outputs{{y, call.type(0)}};
}

absl::StatusOr<Outputs> Gather(const OpCall& call) {
  if (auto status = call.NeedType(1, {kInt, kLong}); !status.ok()) return status;
  if (call.Flag("match_outer", false)) return call.Unsure("match_outer");
  const Dims& x = call.dims(0);
  auto axis = call.Axis(call.Int("axis", 0), x.size());
  if (!axis.ok()) return axis.status();
  const int64_t size = x[static_cast<size_t>(*axis)];
  if (size == 0) return SameAsFirst(call);
  const bool wrap = call.Flag("wrap_indices", call.Int("axis", 0) == 0);
  const auto indices = call.Values(1);
  for (int64_t index : indices.value_or(Dims{})) {
    if (index >= size || index < (wrap ? -size : 0)) {
      return call.Wrong(fmt::format("index {} of axis {} of {}", index, *axis, FormatShape(x)));
    }
  }
  Dims y(x.begin(), x.begin() + *axis);
  y.insert(y.end(), call.dims(1).begin(), call.dims(1).end());
  y.insert(y.end(), x.begin() + *axis + 1, x.end());
  return Outputs{{y, call.type(0)}};
}

absl::StatusOr<Outputs> Tile(const OpCall& call) {
  if (auto status = NeedNumbers(call); !status.ok()) return status;
  if (call.inputs() > 1) return call.Unsure("tiles or an axis from other blobs");
  if (!call.Has("tiles") || !call.Has("axis")) return call.Wrong("it needs tiles and axis");
  auto axis = call.Axis(call.Int("axis", 0), call.dims(0).size());
  if (!axis.ok()) return axis.status();
  const int64_t tiles = call.Int("tiles", 1);
  if (tiles < 1) return call.Wrong(fmt::format("{} tiles", tiles));
  Dims y = call.dims(0);
  y[static_cast<size_t>(*axis)] *= tiles;  // two factors below 2^31
  return Outputs{{y, call.type(0)}};
}

absl::StatusOr<Outputs> Expand(const OpCall& call) {
  if (auto status = NeedNumbers(call); !status.ok()) return status;
  if (auto status = call.NeedType(1, {kLong}); !status.ok()) return status;
  auto wanted = KnownValues(call, 1, "dimensions");
  if (!wanted.ok()) return wanted.status();
  const Dims& x = call.dims(0);
  if (Volume(x) == 0) return call.Wrong("its input is empty");
  Dims y(std::max(x.size(), wanted->size()), 1);
  for (size_t i = 1; i <= y.size(); ++i) {
    const int64_t have = i <= x.size() ? x[x.size() - i] : 1;
    const int64_t want =
        i <= wanted->size() ? std::max<int64_t>(1, (*wanted)[wanted->size() - i]) : 1;
    if (have != want && have != 1 && want != 1) {
      return call.Wrong(
          fmt::format("{} does not expand to {}", FormatShape(x), FormatShape(*wanted)));
    }
    y[y.size() - i] = std::max(have, want);
  }
  return Outputs{{y, call.type(0)}};
}

// Sizes are computed in float, as in Caffe2.
absl::StatusOr<int64_t> Scaled(const OpCall& call, int64_t size, std::string_view argument) {
  const auto scale = static_cast<float>(call.Float(argument, 1));
  const float scaled = static_cast<float>(size) * scale;
  if (!(scale > 0) || !(scaled >= 1) || scaled > 1e9f) {
    return call.Wrong(fmt::format("{} {} of {}", argument, scale, size));
  }
  return static_cast<int64_t>(scaled);
}

absl::StatusOr<Outputs> Resize(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  if (call.inputs() == 2) return call.Unsure("scales from another blob; use arguments");
  Dims y = call.dims(0);
  if (y.size() != 4 || Volume(y) == 0) {
    return call.Wrong(fmt::format("its input {} is not a batch of images", FormatShape(y)));
  }
  const size_t first = call.op().type() == "ResizeNearest" && call.ChannelsLast() ? 1 : 2;
  auto height = Scaled(call, y[first], "height_scale");
  auto width = Scaled(call, y[first + 1], "width_scale");
  if (!height.ok()) return height.status();
  if (!width.ok()) return width.status();
  y[first] = *height;
  y[first + 1] = *width;
  return Outputs{{y}};
}

absl::StatusOr<Outputs> SwitchOrder(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  Dims y = call.dims(0);
  if (y.size() < 3) return call.Wrong(fmt::format("{} are no images", FormatShape(y)));
  if (call.op().type() == "NCHW2NHWC") {
    std::rotate(y.begin() + 1, y.begin() + 2, y.end());
  } else {
    std::rotate(y.begin() + 1, y.end() - 1, y.end());
  }
  return Outputs{{y}};
}

absl::StatusOr<Outputs> Cast(const OpCall& call) {
  int64_t to = caffe2::TensorProto_DataType_UNDEFINED;
  for (const caffe2::Argument& arg : call.op().arg()) {
    if (arg.name() != "to" || !arg.has_s()) continue;
    std::string name = arg.s();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    caffe2::TensorProto_DataType type;
    if (!caffe2::TensorProto_DataType_Parse(name, &type)) {
      return call.Wrong(fmt::format("'{}' is no type", Printable(name, 32)));
    }
    to = type;
  }
  if (to == caffe2::TensorProto_DataType_UNDEFINED) {
    to = call.Int("to", caffe2::TensorProto_DataType_FLOAT);
  }
  auto type = TypeOfCaffe2(call, to);
  if (!type.ok()) return type.status();
  return Outputs{{call.dims(0), *type}};
}

constexpr OperatorRow Row(std::string_view type, int least, int most, ShapeRule rule) {
  return {type, least, most, 1, 1, InPlace::kNo, rule};
}

constexpr std::array kRows = {
    Row("ReduceMin", 1, 1, ReduceNumbers),
    Row("ReduceMax", 1, 1, ReduceNumbers),
    Row("ReduceSum", 1, 1, ReduceNumbers),
    Row("ReduceMean", 1, 1, ReduceFloats),
    Row("ReduceL1", 1, 1, ReduceFloats),
    Row("ReduceL2", 1, 1, ReduceFloats),
    Row("Slice", 1, 3, Slice),
    Row("Gather", 2, 2, Gather),
    Row("Tile", 1, 3, Tile),
    Row("Expand", 2, 2, Expand),
    Row("ResizeNearest", 1, 2, Resize),
    Row("UpsampleBilinear", 1, 2, Resize),
    Row("NCHW2NHWC", 1, 1, SwitchOrder),
    Row("NHWC2NCHW", 1, 1, SwitchOrder),
    Row("Cast", 1, 1, Cast),
};

}  // namespace

std::span<const OperatorRow> SelectOperators() { return kRows; }

}  // namespace synergy
