#include <cblas.h>

#include <string_view>

#include "daemon/worker/math_backend.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// What Debian builds OpenBLAS for, and well within an int.
constexpr uint32_t kMaxThreads = 64;

// openblas_get_config() begins with "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...".
std::string Version() {
  const std::string config = openblas_get_config();
  const size_t name_end = config.find(' ');
  const std::string version = config.substr(0, config.find(' ', name_end + 1));
  return fmt::format("{} ({})", version, openblas_get_corename());
}

absl::Status SetThreads(uint32_t threads) {
  openblas_set_num_threads(static_cast<int>(threads));
  if (openblas_get_num_threads() == static_cast<int>(threads)) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{} threads: OpenBLAS took {} (its limits and the processes that the engine's user may "
      "have decide); ask for fewer",
      threads, openblas_get_num_threads()));
}

}  // namespace

MathBackend LinkedMathBackend() {
  return {.name = "openblas",
          .version = Version(),
          .max_threads = kMaxThreads,
          .set_threads = SetThreads};
}

}  // namespace synergy
