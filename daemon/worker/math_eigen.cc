#include <Eigen/Core>

#include "daemon/worker/math_backend.h"
#include "fmt/format.h"

namespace synergy {
namespace {

std::string Version() {
  return fmt::format("Eigen {}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                     EIGEN_MINOR_VERSION);
}

absl::Status SetThreads(uint32_t threads) {
  if (threads == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{} threads: Caffe2 uses Eigen on one thread only; ask for 1 thread, or for the engine "
      "caffe2-openblas",
      threads));
}

}  // namespace

MathBackend LinkedMathBackend() {
  return {.name = "eigen", .version = Version(), .set_threads = SetThreads};
}

}  // namespace synergy
