#include "common/protocol.h"

#include <algorithm>

#include "fmt/format.h"

namespace synergy {
namespace {

std::string Spoken(ProtocolRange range) {
  return range.oldest == range.newest
             ? fmt::format("version {}", range.newest)
             : fmt::format("versions {} to {}", range.oldest, range.newest);
}

}  // namespace

absl::StatusOr<uint32_t> NegotiateProtocol(ProtocolRange client, std::string_view client_version,
                                           ProtocolRange daemon, std::string_view daemon_version) {
  if (client.oldest == 0 || client.oldest > client.newest) {
    return absl::InvalidArgumentError(
        fmt::format("The handshake offers protocol versions {} to {}, which is no range: this is "
                    "no synergy client",
                    client.oldest, client.newest));
  }
  const std::string both =
      fmt::format("The client {} speaks protocol {}, the daemon {} speaks {}", client_version,
                  Spoken(client), daemon_version, Spoken(daemon));
  if (client.newest < daemon.oldest) {
    return absl::FailedPreconditionError(
        fmt::format("{}: the client is too old, upgrade synergyctl on the host", both));
  }
  if (client.oldest > daemon.newest) {
    return absl::FailedPreconditionError(
        fmt::format("{}: the daemon is too old, upgrade synergyd on the board", both));
  }
  return std::min(client.newest, daemon.newest);
}

}  // namespace synergy
