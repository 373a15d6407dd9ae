// The math library that Caffe2 was linked with: the difference between the engines.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace synergy {

struct MathBackend {
  std::string name;     // "eigen"
  std::string version;  // "Eigen 3.4.0"
  uint32_t max_threads = 1;
  // From then on matrix products use this many threads, 1 to max_threads. InvalidArgument where the
  // library cannot.
  std::function<absl::Status(uint32_t threads)> set_threads;
};

// The one that this program was linked with: math_eigen.cc or math_openblas.cc.
MathBackend LinkedMathBackend();

}  // namespace synergy
