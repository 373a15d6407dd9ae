#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/models/onnx/node_conversion.h"

// Which ONNX operators are taken, and from which function of operator_rows.h each gets its Caffe2
// operators.
namespace synergy {

// Opsets that are read. Of each older one, what later ones left as it was.
inline constexpr int64_t kOldestOpset = 1;
inline constexpr int64_t kNewestOpset = 17;

// An operator in a range of opsets, both ends included.
struct OnnxOperatorRow {
  std::string_view type;
  int64_t since;
  int64_t until;
  size_t least_inputs;
  size_t most_inputs;
  size_t most_outputs;
  void (*convert)(NodeConversion& node);
};

inline constexpr size_t kAnyNumber = SIZE_MAX;

std::span<const OnnxOperatorRow> OnnxOperators();

// The row of this operator in this opset, or null.
const OnnxOperatorRow* FindOnnxOperator(std::string_view type, int64_t opset);

// All types, in alphabetical order.
std::vector<std::string> OnnxOperatorTypes();

}  // namespace synergy
