#include "client/net/board_pairing.h"

#include <sys/socket.h>

#include <utility>
#include <variant>

#include "client/net/host_address.h"
#include "client/net/preflight.h"
#include "common/certificates.h"
#include "common/pairing_code.h"
#include "fmt/format.h"

namespace synergy {
namespace {

absl::Status NoSuchKey(std::string_view host) {
  return absl::FailedPreconditionError(fmt::format(
      "What answers at {} does not have the key that this code was made for, so nothing was sent "
      "to it: the code has a slip, {} is another board, or somebody stands between it and you",
      host, host));
}

// What a board that knows the code's secret says must fit together.
absl::Status CheckAnswer(const v1::PairResponse& response, const RequestedKey& own,
                         const std::string& board_certificate) {
  absl::Status fits =
      CheckCertificate(response.certificate_pem(), own.key, response.authority_pem());
  if (fits.ok()) fits = CheckSignature(board_certificate, response.authority_pem());
  if (!fits.ok()) return fits;
  const absl::StatusOr<std::string> id = IdOfCertificate(board_certificate, kBoardUri);
  if (id.ok() && *id == response.board_id()) return absl::OkStatus();
  return absl::DataLossError("the board does not call itself as its certificate does");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsStream>> MeetBoard(UniqueFd connection, Nanoseconds patience) {
  // A new connection's buffer has room for so few bytes.
  if (send(connection.get(), kPairingPreface.data(), kPairingPreface.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kPairingPreface.size())) {
    return absl::UnavailableError("the connection was closed at once");
  }
  return TlsStream::Connect(std::move(connection), RealClock().Now() + patience);
}

absl::StatusOr<v1::PairedBoard> PairWithBoard(std::string_view host, std::string_view code,
                                              const std::string& client_name,
                                              Nanoseconds patience) {
  const absl::StatusOr<PairingCode> parsed = ParsePairingCode(code);
  if (!parsed.ok()) return parsed.status();
  const absl::StatusOr<HostAddress> address = ParseHost(host);
  if (!address.ok()) return address.status();
  if (std::holds_alternative<UnixAddress>(*address)) {
    return absl::InvalidArgumentError("A Unix socket needs no pairing: name the board's TCP host");
  }
  absl::StatusOr<FoundDaemon> found = FindDaemon(*address, patience);
  if (!found.ok()) return found.status();
  const auto stream = MeetBoard(std::move(found->connection), patience);
  if (!stream.ok()) return stream.status();
  const absl::StatusOr<std::string> key = PublicKeySha256((*stream)->peer_certificate());
  if (!key.ok()) return key.status();
  if (PairingKeyLetters(*key) != parsed->key) return NoSuchKey(host);

  const absl::StatusOr<RequestedKey> own = MakeCertificateRequest();
  if (!own.ok()) return own.status();
  v1::PairRequest request;
  request.set_secret(parsed->secret);
  request.set_certificate_request_pem(own->request);
  request.set_client_name(client_name);
  if (absl::Status sent = (*stream)->Send(request); !sent.ok()) return sent;
  v1::PairResponse response;
  if (absl::Status got = (*stream)->Receive(&response); !got.ok()) return got;
  if (response.code() != 0) {
    return absl::Status(static_cast<absl::StatusCode>(response.code()), response.text());
  }
  absl::Status fits = CheckAnswer(response, *own, (*stream)->peer_certificate());
  if (!fits.ok()) return fits;
  v1::PairedBoard board;
  board.set_board_id(response.board_id());
  board.add_hosts(HostPort(std::get<TcpAddress>(*address)));
  board.set_client_id(response.client_id());
  board.set_role(response.role());
  board.set_key_pem(own->key);
  board.set_certificate_pem(response.certificate_pem());
  board.set_authority_pem(response.authority_pem());
  return board;
}

absl::Status CheckTurnedAway(const TcpAddress& address, const v1::PairedBoard& board,
                             Nanoseconds patience) {
  const CertifiedKey own{.key = board.key_pem(), .certificate = board.certificate_pem()};
  for (int i = 0; i < 2; ++i) {
    absl::StatusOr<FoundDaemon> found = FindDaemon(address, patience);
    if (!found.ok()) return absl::OkStatus();
    const absl::Status answer = TlsStream::Knock(
        std::move(found->connection), own, board.authority_pem(), RealClock().Now() + patience);
    if (!absl::IsUnauthenticated(answer)) return absl::OkStatus();
  }
  return absl::UnauthenticatedError(
      fmt::format("The board at {} does not take this host's certificate: it has revoked this "
                  "client, or does not know it any more. Pair again with a code that `synergyd "
                  "pair` prints on the board",
                  HostPort(address)));
}

}  // namespace synergy
