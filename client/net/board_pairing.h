// Pairing with a board, and asking a board who it is: over the daemon's TCP port, beside gRPC.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/net/host_address.h"
#include "common/clock.h"
#include "common/tls_stream.h"
#include "common/unique_fd.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

// Whoever answers at the other end of `connection`, a non-blocking TCP socket. It has proved to
// have the key of its peer_certificate(), and nothing else.
absl::StatusOr<std::unique_ptr<TlsStream>> MeetBoard(UniqueFd connection, Nanoseconds patience);

// Pairs with the board at `host` (as of DeviceClient::Connect, TCP alone) by the code that it has
// printed. Nothing is sent to a board whose key is not the code's. `client_name` is for the people
// there. What comes is checked, and is not stored yet. FailedPrecondition: another key;
// PermissionDenied, NotFound: the board's own refusals.
absl::StatusOr<v1::PairedBoard> PairWithBoard(std::string_view host, std::string_view code,
                                              const std::string& client_name,
                                              Nanoseconds patience = Seconds(10));

// Unauthenticated: the board at `address` closes, twice in a row, what comes with this host's
// certificate (one that goes down does so once). Otherwise OK, also where it is not reached.
absl::Status CheckTurnedAway(const TcpAddress& address, const v1::PairedBoard& board,
                             Nanoseconds patience);

}  // namespace synergy
