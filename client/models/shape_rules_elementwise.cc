// Operators that work element by element, on one input or several, with Caffe2's two ways to
// broadcast.
#include <algorithm>
#include <array>

#include "client/models/shape_rules.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr auto kFloat = v1::DATA_TYPE_FLOAT32;
constexpr auto kDouble = v1::DATA_TYPE_FLOAT64;
constexpr auto kInt = v1::DATA_TYPE_INT32;
constexpr auto kLong = v1::DATA_TYPE_INT64;
constexpr auto kBool = v1::DATA_TYPE_BOOL;

absl::StatusOr<Outputs> FloatUnary(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  return SameAsFirst(call);
}

absl::StatusOr<Outputs> NumericUnary(const OpCall& call) {
  if (auto status = call.NeedType(0, {kInt, kLong, kFloat, kDouble}); !status.ok()) return status;
  return SameAsFirst(call);
}

absl::StatusOr<Outputs> RealUnary(const OpCall& call) {
  if (auto status = call.NeedType(0, {kFloat, kDouble}); !status.ok()) return status;
  return SameAsFirst(call);
}

absl::StatusOr<Outputs> BoolUnary(const OpCall& call) {
  if (auto status = call.NeedType(0, {kBool}); !status.ok()) return status;
  return SameAsFirst(call);
}

absl::StatusOr<Outputs> Softmax(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  auto axis = call.Axis(call.Int("axis", 1), call.dims(0).size());
  if (!axis.ok()) return axis.status();
  return SameAsFirst(call);
}

absl::StatusOr<Outputs> Dropout(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  if (!call.Flag("is_test", false)) {
    return call.Unsure("it drops at random, as in training; set its argument is_test to 1");
  }
  if (call.Float("ratio", 0.5) < 0) return call.Wrong("its ratio is negative");
  return Outputs{{call.dims(0)}, {{0}, kBool}};  // the mask stays empty
}

absl::StatusOr<Outputs> PRelu(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  const Dims& x = call.dims(0);
  if (x.size() < 2) return call.Wrong(fmt::format("its input {} has no channels", FormatShape(x)));
  const int64_t channels = call.ChannelsLast() ? x.back() : x[1];
  if (Volume(call.dims(1)) != 1) {
    if (auto status = call.NeedElements(1, channels); !status.ok()) return status;
  }
  return SameAsFirst(call);
}

// All inputs have one shape and one type.
absl::Status NeedEqual(const OpCall& call) {
  for (size_t i = 1; i < call.inputs(); ++i) {
    if (call.dims(i) != call.dims(0) || call.type(i) != call.type(0)) {
      return call.Wrong(fmt::format("inputs {} {} and {} {} differ", FormatShape(call.dims(0)),
                                    DataTypeName(call.type(0)), FormatShape(call.dims(i)),
                                    DataTypeName(call.type(i))));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Outputs> Sum(const OpCall& call) {
  if (auto status = NeedEqual(call); !status.ok()) return status;
  return NumericUnary(call);
}

absl::StatusOr<Outputs> EqualFloats(const OpCall& call) {
  if (auto status = NeedEqual(call); !status.ok()) return status;
  return FloatUnary(call);
}

absl::StatusOr<Outputs> Mean(const OpCall& call) {
  if (auto status = NeedEqual(call); !status.ok()) return status;
  return RealUnary(call);
}

// Caffe2's own broadcast: the second tensor's shape lies within the first's, at `axis`.
absl::StatusOr<Dims> LegacyBroadcast(const OpCall& call) {
  const Dims &a = call.dims(0), &b = call.dims(1);
  const auto room = static_cast<int64_t>(a.size()) - static_cast<int64_t>(b.size());
  int64_t axis = call.Int("axis", -1);
  const std::string name = call.Text("axis_str", "");
  if (axis != -1 && !name.empty()) return call.Wrong("it has both axis and axis_str");
  if (axis == -1 && !name.empty()) {
    const size_t at = call.Text("order", "NCHW").find(name);
    if (name.size() != 1 || at == std::string::npos) return call.Wrong("its axis_str is no axis");
    axis = static_cast<int64_t>(at);
  }
  if (call.Aliases(1, 0)) return call.Wrong("it broadcasts its second input in place");
  if (Volume(b) == 1) return a;
  if (axis == -1) axis = room;
  if (room < 0 || axis < 0 || axis > room) {
    return call.Wrong(
        fmt::format("{} does not lie in {} at axis {}", FormatShape(b), FormatShape(a), axis));
  }
  size_t begin = 0, end = b.size();  // ones at both ends broadcast
  while (begin < end && b[begin] == 1) ++begin;
  while (end > begin && b[end - 1] == 1) --end;
  for (size_t i = begin; i < end; ++i) {
    if (a[i + static_cast<size_t>(axis)] != b[i]) {
      return call.Wrong(
          fmt::format("{} does not fit {} at axis {}", FormatShape(b), FormatShape(a), axis));
    }
  }
  return a;
}

// NumPy's broadcast.
absl::StatusOr<Dims> Broadcast(const OpCall& call, const Dims& a, const Dims& b) {
  Dims c = a.size() >= b.size() ? a : b;
  for (size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
    const int64_t x = a[a.size() - i], y = b[b.size() - i];
    if (x != y && x != 1 && y != 1) {
      return call.Wrong(fmt::format("{} and {} do not broadcast", FormatShape(a), FormatShape(b)));
    }
    c[c.size() - i] = x == 0 || y == 0 ? 0 : std::max(x, y);
  }
  return c;
}

absl::StatusOr<Dims> BinaryDims(const OpCall& call) {
  if (call.type(0) != call.type(1)) {
    return call.Wrong(
        fmt::format("it mixes {} with {}", DataTypeName(call.type(0)), DataTypeName(call.type(1))));
  }
  if (call.Flag("broadcast", false)) return LegacyBroadcast(call);
  auto c = Broadcast(call, call.dims(0), call.dims(1));
  if (!c.ok()) return c;
  for (size_t i = 0; i < 2; ++i) {
    if (call.Aliases(i, 0) && *c != call.dims(i)) {
      return call.Wrong(fmt::format("its result {} does not fit in place in {}", FormatShape(*c),
                                    FormatShape(call.dims(i))));
    }
  }
  return c;
}

absl::StatusOr<Outputs> Arithmetic(const OpCall& call) {
  if (auto status = call.NeedType(0, {kInt, kLong, kFloat, kDouble}); !status.ok()) return status;
  auto dims = BinaryDims(call);
  if (!dims.ok()) return dims.status();
  return Outputs{{*dims, call.type(0)}};
}

// Pow knows one exponent for all, equal shapes, and the legacy broadcast.
absl::StatusOr<Outputs> Pow(const OpCall& call) {
  if (auto status = call.NeedFloats(); !status.ok()) return status;
  if (call.inputs() == 1) {
    if (!call.Has("exponent")) return call.Wrong("it has no exponent, neither argument nor input");
    call.Float("exponent", 0);  // of the right type
    return SameAsFirst(call);
  }
  if (call.Flag("broadcast", false)) {
    auto dims = LegacyBroadcast(call);
    if (!dims.ok()) return dims.status();
    return Outputs{{*dims}};
  }
  if (call.Int("axis", -1) != -1 || !call.Text("axis_str", "").empty()) {
    return call.Wrong("it has an axis but no broadcast");
  }
  return EqualFloats(call);
}

absl::StatusOr<Outputs> Compare(const OpCall& call) {
  if (auto status = call.NeedType(0, {kBool, kInt, kLong, kFloat, kDouble}); !status.ok()) {
    return status;
  }
  auto dims = BinaryDims(call);
  if (!dims.ok()) return dims.status();
  return Outputs{{*dims, kBool}};
}

absl::StatusOr<Outputs> Logical(const OpCall& call) {
  if (auto status = call.NeedType(0, {kBool}); !status.ok()) return status;
  return Compare(call);
}

absl::StatusOr<Outputs> Bitwise(const OpCall& call) {
  if (auto status = call.NeedType(0, {kBool, kInt, kLong}); !status.ok()) return status;
  auto dims = BinaryDims(call);
  if (!dims.ok()) return dims.status();
  return Outputs{{*dims, call.type(0)}};
}

constexpr OperatorRow Unary(std::string_view type, ShapeRule rule, InPlace in_place) {
  return {type, 1, 1, 1, 1, in_place, rule};
}
constexpr OperatorRow Binary(std::string_view type, ShapeRule rule, InPlace in_place) {
  return {type, 2, 2, 1, 1, in_place, rule};
}

constexpr std::array kRows = {
    Unary("Relu", FloatUnary, InPlace::kFirst),
    Unary("LeakyRelu", FloatUnary, InPlace::kFirst),
    Unary("Sigmoid", FloatUnary, InPlace::kFirst),
    Unary("Tanh", FloatUnary, InPlace::kFirst),
    Unary("Clip", FloatUnary, InPlace::kFirst),
    Unary("Elu", FloatUnary, InPlace::kFirst),
    Unary("HardSigmoid", FloatUnary, InPlace::kFirst),
    Unary("Softplus", FloatUnary, InPlace::kFirst),
    Unary("Softsign", FloatUnary, InPlace::kFirst),
    Unary("Exp", FloatUnary, InPlace::kFirst),
    Unary("Log", FloatUnary, InPlace::kFirst),
    Unary("Sqr", FloatUnary, InPlace::kFirst),
    Unary("Floor", FloatUnary, InPlace::kFirst),
    Unary("Ceil", FloatUnary, InPlace::kFirst),
    Unary("Swish", FloatUnary, InPlace::kNo),
    Unary("Abs", FloatUnary, InPlace::kNo),
    Unary("Sqrt", RealUnary, InPlace::kFirst),
    Unary("Reciprocal", RealUnary, InPlace::kFirst),
    Unary("Negative", NumericUnary, InPlace::kFirst),
    Unary("Softmax", Softmax, InPlace::kNo),
    Unary("Sign", NumericUnary, InPlace::kNo),
    Unary("Not", BoolUnary, InPlace::kNo),
    Unary("Copy", SameAsFirst, InPlace::kNo),
    Unary("CopyFromCPUInput", SameAsFirst, InPlace::kNo),
    Binary("CopyOnDeviceLike", SameAsFirst, InPlace::kNo),
    OperatorRow{"Dropout", 1, 1, 1, 2, InPlace::kFirst, Dropout},
    Binary("PRelu", PRelu, InPlace::kFirst),
    OperatorRow{"Sum", 1, kAny, 1, 1, InPlace::kFirst, Sum},
    OperatorRow{"Max", 1, kAny, 1, 1, InPlace::kFirst, EqualFloats},
    OperatorRow{"Min", 1, kAny, 1, 1, InPlace::kFirst, EqualFloats},
    OperatorRow{"Mean", 1, kAny, 1, 1, InPlace::kFirst, Mean},
    OperatorRow{"Pow", 1, 2, 1, 1, InPlace::kFirstTwo, Pow},
    Binary("Add", Arithmetic, InPlace::kFirstTwo),
    Binary("Sub", Arithmetic, InPlace::kFirstTwo),
    Binary("Mul", Arithmetic, InPlace::kFirstTwo),
    Binary("Div", Arithmetic, InPlace::kFirst),
    Binary("LT", Compare, InPlace::kNo),
    Binary("LE", Compare, InPlace::kNo),
    Binary("GT", Compare, InPlace::kNo),
    Binary("GE", Compare, InPlace::kNo),
    Binary("EQ", Compare, InPlace::kNo),
    Binary("NE", Compare, InPlace::kNo),
    Binary("And", Logical, InPlace::kFirst),
    Binary("Or", Logical, InPlace::kFirst),
    Binary("Xor", Logical, InPlace::kFirst),
    Binary("BitwiseAnd", Bitwise, InPlace::kFirst),
    Binary("BitwiseOr", Bitwise, InPlace::kFirst),
    Binary("BitwiseXor", Bitwise, InPlace::kFirst),
};

}  // namespace

std::span<const OperatorRow> ElementwiseOperators() { return kRows; }

}  // namespace synergy
