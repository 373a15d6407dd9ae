#include "daemon/access/pairing_host.h"

#include <unistd.h>

#include <array>

#include "common/files.h"
#include "common/protocol.h"
#include "fmt/format.h"

namespace synergy {

absl::StatusOr<std::string> PairingHost(const AccessFolder& access) {
  const std::string listening = ReadFile(access.path() + "/listening", 4096).value_or("");
  const std::string first = listening.substr(0, listening.find('\n'));
  const size_t colon = first.rfind(':');
  if (colon == std::string::npos) {
    return absl::FailedPreconditionError(
        "This board's synergyd does not listen on TCP, so no host can be paired: start it with "
        "--listen ADDRESS[:PORT], such as --listen 0.0.0.0");
  }
  std::array<char, 256> name = {};
  gethostname(name.data(), name.size() - 1);
  std::string host = name.data();
  if (host.find('.') == std::string::npos) host += ".local";
  if (first.starts_with("127.") || first.starts_with("[::1]")) host = "localhost";
  if (first.substr(colon + 1) == fmt::format("{}", kDefaultPort)) return host;
  return host + first.substr(colon);
}

}  // namespace synergy
