#include "client/models/not_finite.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace synergy {
namespace {

// Elements of a user's file lie at no particular alignment.
template <typename Float>
std::string Counts(std::string_view bytes) {
  int64_t nan = 0, infinite = 0;
  for (size_t at = 0; at + sizeof(Float) <= bytes.size(); at += sizeof(Float)) {
    Float value;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    nan += std::isnan(value) ? 1 : 0;
    infinite += std::isinf(value) ? 1 : 0;
  }
  return nan + infinite == 0 ? "" : fmt::format("{} NaN and {} infinite", nan, infinite);
}

}  // namespace

std::string NotFinite(const TensorView& tensor) {
  if (tensor.type == v1::DATA_TYPE_FLOAT32) return Counts<float>(tensor.bytes);
  if (tensor.type == v1::DATA_TYPE_FLOAT64) return Counts<double>(tensor.bytes);
  return "";
}

}  // namespace synergy
