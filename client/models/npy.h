#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/tensor_pack.h"

// NumPy's .npy files (numpy.lib.format, versions 1.0 to 3.0): bytes in, a tensor out, and back.
// Pure.
namespace synergy {

// The array in `file`, without a name, its elements where they lie in `file` (at no particular
// alignment). Taken are little-endian float32, float64, int32, int64, uint8 and bool in C order.
// InvalidArgument: the file is none, is cut off, goes on after the array, or holds another type or
// order; the text says how to save it so that it fits.
absl::StatusOr<TensorView> ParseNpyUntrusted(std::string_view file);

// What stands before the elements of an array: magic, version 1.0 and header, padded as numpy does
// so that elements begin at a multiple of 64. InvalidArgument: a type that no array has.
absl::StatusOr<std::string> NpyPrefix(v1::DataType type, const std::vector<int64_t>& dims);

}  // namespace synergy
