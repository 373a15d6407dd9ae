#include "common/records/varint.h"

namespace synergy {

bool TakeLongVarint(std::string_view* data, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < data->size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>((*data)[i]);
    if (i == 9 && byte > 1) return false;  // more than 64 bits
    result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *value = result;
      data->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace synergy
