// Where a daemon listens, as a user writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"

namespace synergy {

struct UnixAddress {
  std::string path;
  friend bool operator==(const UnixAddress&, const UnixAddress&) = default;
};
struct TcpAddress {
  std::string name;  // a host's name or an address, an IPv6 one without its brackets
  uint16_t port = 0;
  friend bool operator==(const TcpAddress&, const TcpAddress&) = default;
};
using HostAddress = std::variant<UnixAddress, TcpAddress>;

// unix:PATH or NAME[:PORT], an IPv6 address in brackets or, without a port, bare. InvalidArgument
// with the forms that there are for anything else.
absl::StatusOr<HostAddress> ParseHost(std::string_view host);

// "tx1.local:7741", as pairings are kept by.
std::string HostPort(const TcpAddress& address);

// Where to look when the user names no host: $SYNERGY_HOST; else /run/synergy/synergyd.sock if it
// exists; else $XDG_RUNTIME_DIR/synergy/synergyd.sock if that exists; else the first of the two.
std::string DefaultHost();

}  // namespace synergy
