#pragma once

#include <cstdint>

#include "common/op_cost.h"

// The window that an operator slides over its input, as its arguments say. Pure.
namespace synergy {

struct OpWindow {
  int64_t taps = 1;    // elements of the window, of one channel
  int64_t stride = 1;  // the longest step of any axis
  int64_t groups = 1;  // its channels are in
  friend bool operator==(const OpWindow&, const OpWindow&) = default;
};

// All 1 of an operator that has none, or whose arguments cannot be understood.
OpWindow WindowOf(const OpSpec& op);

}  // namespace synergy
