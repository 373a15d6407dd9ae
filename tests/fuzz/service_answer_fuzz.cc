// What anybody in the network may answer to the question for boards.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "client/net/service_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  for (const synergy::AnnouncedBoard& board : synergy::ParseAnswerUntrusted(packet)) {
    if (board.host.empty() || board.host.size() > 255 || board.port == 0) std::abort();
    if (board.name.empty() || board.name.size() > 255) std::abort();
  }
  return 0;
}
