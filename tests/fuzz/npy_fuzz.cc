// Bytes that call themselves a .npy file: what is taken lies in the file, fits its shape, and is
// the same once it was written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/models/npy.h"
#include "common/op_cost.h"

namespace synergy {
namespace {

void Require(bool fact) {
  if (!fact) std::abort();
}

void Npy(std::string_view file) {
  const auto array = ParseNpyUntrusted(file);
  if (!array.ok()) return;
  Require(array->bytes.size() <= file.size() && file.ends_with(array->bytes));
  Require(static_cast<uint64_t>(*CountElements(array->dims)) * ElementSize(array->type) ==
          array->bytes.size());
  const auto prefix = NpyPrefix(array->type, array->dims);
  Require(prefix.ok());
  const std::string written = *prefix + std::string(array->bytes);
  const auto again = ParseNpyUntrusted(written);
  Require(again.ok() && again->type == array->type && again->dims == array->dims &&
          again->bytes == array->bytes);
}

}  // namespace
}  // namespace synergy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  synergy::Npy({reinterpret_cast<const char*>(data), size});
  return 0;
}
