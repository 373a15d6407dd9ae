// Knocks at a daemon's address before gRPC does, because gRPC says little about why it cannot
// connect.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/net/host_address.h"
#include "common/clock.h"
#include "common/unique_fd.h"

namespace synergy {

struct FoundDaemon {
  std::string target;   // for gRPC
  UniqueFd connection;  // non-blocking, of TCP; empty for a Unix socket
};

// Connects once and returns the target for gRPC: the socket's path, or
// the first of the name's addresses at which something listens, so that it is the system's resolver
// that was asked (gRPC's own one does not know names such as tx1.local). Errors as of
// DeviceClient::Connect.
absl::StatusOr<FoundDaemon> FindDaemon(const HostAddress& address, Nanoseconds patience);

}  // namespace synergy
