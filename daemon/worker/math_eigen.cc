#include <Eigen/Core>

#include "daemon/worker/math_backend.h"
#include "fmt/format.h"

namespace synergy {
namespace {

std::string Version() {
  return fmt::format("Eigen {}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                     EIGEN_MINOR_VERSION);
}

}  // namespace

// Caffe2 uses Eigen on one thread only.
MathBackend LinkedMathBackend() {
  return {.name = "eigen", .version = Version(), .max_threads = 1, .set_threads = [](uint32_t) {
            return absl::OkStatus();
          }};
}

}  // namespace synergy
