// Who is at the other end of a connection to the Unix socket.
#pragma once

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "daemon/front/caller.h"

namespace synergy {

// root and `owner`, who runs synergyd, are admin; members of the group `synergy` may run; others,
// whom somebody lets open the socket, may watch.
absl::StatusOr<Caller> UnixPeer(int connection, uid_t owner);

}  // namespace synergy
