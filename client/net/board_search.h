// Asks the networks of this host which boards are there, by multicast DNS.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "absl/status/statusor.h"
#include "client/net/service_answer.h"
#include "common/clock.h"

namespace synergy {

// 224.0.0.251 and ff02::fb, port 5353 (RFC 6762).
std::vector<sockaddr_storage> MulticastDns();

// Listens for all of `patience`; each board once, by its host and port. `ask`: where to send the
// question, over every interface that can. Boards announce themselves by their avahi
// (deploy/avahi/synergyd.service). An address of the link's own has its interface behind it where
// the answer came by IPv6 ("fe80::1%eth0"). Unavailable: no network could be asked.
absl::StatusOr<std::vector<AnnouncedBoard>> SearchBoards(
    Nanoseconds patience, const std::vector<sockaddr_storage>& ask = MulticastDns());

}  // namespace synergy
