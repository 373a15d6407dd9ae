// What a board calls itself in the line that pairs a host with it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/access/access_folder.h"

namespace synergy {

// "tx1.local", with the port where a client does not guess it; "localhost:PORT" where nobody comes
// from elsewhere. FailedPrecondition: the synergyd of the folder, as it was started last, does not
// listen on TCP.
absl::StatusOr<std::string> PairingHost(const AccessFolder& access);

}  // namespace synergy
