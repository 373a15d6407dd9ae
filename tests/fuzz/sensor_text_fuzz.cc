// What programs that measure power print: lines of exec sources, and the Raspberry Pi's firmware.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/exec_lines.h"
#include "daemon/power/vcgencmd_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  synergy::LineSplitter splitter;
  // In two pieces, as a pipe may give them.
  for (const std::string_view piece : {text.substr(0, size / 2), text.substr(size / 2)}) {
    for (const std::string& line : splitter.Add(piece)) {
      if (line.size() > synergy::kMaxExecLineBytes + 1) std::abort();
      const auto parsed = synergy::ParseExecLineUntrusted(line);
      if (parsed.ok() && (parsed->t_ns < 0 || parsed->rail.empty())) std::abort();
    }
  }
  const auto readings = synergy::ParsePmicUntrusted(text);
  if (readings.ok() && readings->empty()) std::abort();
  return 0;
}
