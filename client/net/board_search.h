// Asks the networks of this host which boards are there, by multicast DNS.
#pragma once

#include <netinet/in.h>

#include <vector>

#include "absl/status/statusor.h"
#include "client/net/service_answer.h"
#include "common/clock.h"

namespace synergy {

// 224.0.0.251, port 5353 (RFC 6762).
sockaddr_in MulticastDns();

// Listens for all of `patience`; each board once, by its host. `ask`: where to send the question,
// over every interface that can. Boards announce themselves by their avahi
// (deploy/avahi/synergyd.service). Unavailable: no network could be asked.
absl::StatusOr<std::vector<AnnouncedBoard>> SearchBoards(Nanoseconds patience,
                                                         const sockaddr_in& ask = MulticastDns());

}  // namespace synergy
