#pragma once

#include <string>

#include "common/tensor_pack.h"

namespace synergy {

// "3 NaN and 1 infinite", "" where all values are finite or integers. Pure.
std::string NotFinite(const TensorView& tensor);

}  // namespace synergy
