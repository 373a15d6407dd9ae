#include "client/models/onnx/fold.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr int64_t kMostElements = 1 << 20;

OnnxConstant Owning(v1::DataType type, std::vector<int64_t> dims, std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  return {type, std::move(dims), *owner, owner};
}

size_t Product(const std::vector<int64_t>& dims, size_t begin, size_t end) {
  size_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= static_cast<size_t>(dims[i]);
  return product;
}

template <class To, class From>
std::string Pack(const std::vector<From>& values) {
  std::string bytes(values.size() * sizeof(To), '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const To value = static_cast<To>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(To), &value, sizeof(To));
  }
  return bytes;
}

OnnxConstant FromIntegers(v1::DataType type, std::vector<int64_t> dims,
                          const std::vector<int64_t>& values) {
  switch (type) {
    case v1::DATA_TYPE_INT64:
      return Owning(type, std::move(dims), Pack<int64_t>(values));
    case v1::DATA_TYPE_INT32:
      return Owning(type, std::move(dims), Pack<int32_t>(values));
    case v1::DATA_TYPE_BOOL: {
      std::vector<int64_t> bits;
      for (const int64_t value : values) bits.push_back(value != 0);
      return Owning(type, std::move(dims), Pack<uint8_t>(bits));
    }
    default:
      return Owning(type, std::move(dims), Pack<uint8_t>(values));
  }
}

OnnxConstant FromFloats(v1::DataType type, std::vector<int64_t> dims,
                        const std::vector<double>& values) {
  if (type == v1::DATA_TYPE_FLOAT64) return Owning(type, std::move(dims), Pack<double>(values));
  return Owning(v1::DATA_TYPE_FLOAT32, std::move(dims), Pack<float>(values));
}

}  // namespace

bool IsFoldable(const NetValue& value) {
  return value.constant != nullptr &&
         ElementCount(value.dims).value_or(kMostElements + 1) <= kMostElements;
}

OnnxConstant Take(const OnnxConstant& x, size_t axis, const std::vector<int64_t>& indices) {
  const size_t outer = Product(x.dims, 0, axis);
  const size_t inner = Product(x.dims, axis + 1, x.dims.size()) * ElementSize(x.type);
  const size_t stride = inner * static_cast<size_t>(x.dims[axis]);
  std::string bytes;
  bytes.reserve(outer * inner * indices.size());
  for (size_t block = 0; block < outer; ++block) {
    for (const int64_t index : indices) {
      bytes += x.bytes.substr(block * stride + static_cast<size_t>(index) * inner, inner);
    }
  }
  std::vector<int64_t> dims = x.dims;
  dims[axis] = static_cast<int64_t>(indices.size());
  return Owning(x.type, std::move(dims), std::move(bytes));
}

OnnxConstant Permute(const OnnxConstant& x, const std::vector<int64_t>& permutation) {
  const size_t rank = x.dims.size();
  const size_t size = ElementSize(x.type);
  std::vector<size_t> strides(rank, size);  // of the source's axes, in the result's order
  std::vector<int64_t> dims(rank);
  for (size_t i = 0; i < rank; ++i) {
    const auto axis = static_cast<size_t>(permutation[i]);
    dims[i] = x.dims[axis];
    strides[i] = size * Product(x.dims, axis + 1, rank);
  }
  std::string bytes(x.bytes.size(), '\0');
  std::vector<int64_t> at(rank, 0);
  size_t from = 0;
  for (size_t to = 0; to < bytes.size(); to += size) {
    std::memcpy(bytes.data() + to, x.bytes.data() + from, size);
    for (size_t i = rank; i-- > 0;) {  // the next element's place in the source
      from += strides[i];
      if (++at[i] < dims[i]) break;
      from -= strides[i] * static_cast<size_t>(dims[i]);
      at[i] = 0;
    }
  }
  return Owning(x.type, std::move(dims), std::move(bytes));
}

OnnxConstant Join(const std::vector<NetValue>& parts, size_t axis) {
  std::vector<int64_t> dims = parts[0].dims;
  const size_t outer = Product(dims, 0, axis);
  dims[axis] = 0;
  for (const NetValue& part : parts) dims[axis] += part.dims[axis];
  std::string bytes;
  for (size_t block = 0; block < outer; ++block) {
    for (const NetValue& part : parts) {
      const size_t length = part.constant->bytes.size() / outer;
      bytes += part.constant->bytes.substr(block * length, length);
    }
  }
  return Owning(parts[0].type, std::move(dims), std::move(bytes));
}

OnnxConstant Spread(const OnnxConstant& x, const std::vector<int64_t>& dims) {
  OnnxConstant result = x;
  result.dims.insert(result.dims.begin(), dims.size() - x.dims.size(), 1);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (result.dims[i] == dims[i]) continue;
    result = Take(result, i, std::vector<int64_t>(static_cast<size_t>(dims[i]), 0));
  }
  return result;
}

namespace {

// False where the result is no 64-bit integer.
bool CombineIntegers(std::string_view op, int64_t a, int64_t b, int64_t* result) {
  if (op == "Add") return !__builtin_add_overflow(a, b, result);
  if (op == "Sub") return !__builtin_sub_overflow(a, b, result);
  if (op == "Mul") return !__builtin_mul_overflow(a, b, result);
  if (op == "Div") {
    if (b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min())) return false;
    *result = a / b;
    return true;
  }
  *result = op == "Min" ? std::min(a, b) : op == "Max" ? std::max(a, b) : a == b;
  return true;
}

double CombineFloats(std::string_view op, double a, double b) {
  if (op == "Add") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  if (op == "Div") return a / b;
  return op == "Min" ? std::min(a, b) : op == "Max" ? std::max(a, b) : a == b;
}

}  // namespace

absl::StatusOr<OnnxConstant> Combine(std::string_view op, const OnnxConstant& a,
                                     const OnnxConstant& b) {
  const v1::DataType type = op == "Equal" ? v1::DATA_TYPE_BOOL : a.type;
  std::vector<int64_t> integers;
  if (IsInteger(a.type)) {
    const std::vector<int64_t> left = IntegersOf(a);
    const std::vector<int64_t> right = IntegersOf(b);
    for (size_t i = 0; i < left.size(); ++i) {
      int64_t value = 0;
      if (!CombineIntegers(op, left[i], right[i], &value)) {
        return absl::InvalidArgumentError(
            fmt::format("{} of {} and {} is no integer", op, left[i], right[i]));
      }
      integers.push_back(value);
    }
    return FromIntegers(type, a.dims, integers);
  }
  const std::vector<double> left = FloatsOf(a);
  const std::vector<double> right = FloatsOf(b);
  std::vector<double> floats;
  for (size_t i = 0; i < left.size(); ++i) floats.push_back(CombineFloats(op, left[i], right[i]));
  if (op == "Equal") {
    for (const double value : floats) integers.push_back(value != 0);
    return FromIntegers(type, a.dims, integers);
  }
  return FromFloats(type, a.dims, floats);
}

OnnxConstant MapFloats(const OnnxConstant& x, const std::function<double(double)>& op) {
  std::vector<double> values = FloatsOf(x);
  for (double& value : values) value = op(value);
  return FromFloats(x.type, x.dims, values);
}

OnnxConstant CastTo(const OnnxConstant& x, v1::DataType type) {
  if (IsInteger(x.type)) {
    const std::vector<int64_t> values = IntegersOf(x);
    if (IsInteger(type)) return FromIntegers(type, x.dims, values);
    return FromFloats(type, x.dims, {values.begin(), values.end()});
  }
  const std::vector<double> values = FloatsOf(x);
  if (!IsInteger(type)) return FromFloats(type, x.dims, values);
  std::vector<int64_t> integers;
  for (const double value : values) {
    // A number that no integer holds has no defined cast; here it becomes the nearest one.
    if (type == v1::DATA_TYPE_BOOL) {
      integers.push_back(value != 0);
    } else if (!(std::abs(value) < 0x1p62)) {
      integers.push_back(value > 0   ? std::numeric_limits<int64_t>::max()
                         : value < 0 ? std::numeric_limits<int64_t>::min()
                                     : 0);
    } else {
      integers.push_back(static_cast<int64_t>(value));
    }
  }
  return FromIntegers(type, x.dims, integers);
}

}  // namespace synergy
