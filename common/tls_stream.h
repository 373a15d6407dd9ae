// A TLS connection (1.2 or later) without client certificates for a message each way: what a client
// and a board that do not know each other yet speak (access.proto). All else goes through gRPC's
// own TLS.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificates.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "google/protobuf/message_lite.h"

namespace synergy {

// Everything ends at the stream's deadline, with DeadlineExceeded. Unavailable: the peer is gone,
// or speaks no TLS. One thread at a time. The process ignores SIGPIPE: OpenSSL writes without
// MSG_NOSIGNAL.
class TlsStream {
 public:
  static constexpr size_t kMaxMessageBytes = 16u << 10;

  // `socket` is non-blocking. The handshake comes with the first message that is received.
  static absl::StatusOr<std::unique_ptr<TlsStream>> Accept(UniqueFd socket,
                                                           const CertifiedKey& server,
                                                           MonotonicTime deadline);
  // Takes whoever answers: who that is, is peer_certificate(), which the peer has proved to have
  // the key of.
  static absl::StatusOr<std::unique_ptr<TlsStream>> Connect(UniqueFd socket,
                                                            MonotonicTime deadline);
  // Knocks at a gRPC server that asks for certificates, as `own`. OK: it begins to speak HTTP/2.
  // Unauthenticated: TLS is done, and it ends the connection without a word. FailedPrecondition:
  // its certificate is not of `authority`, PEM.
  static absl::Status Knock(UniqueFd socket, const CertifiedKey& own, const std::string& authority,
                            MonotonicTime deadline);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  const std::string& peer_certificate() const { return peer_certificate_; }  // PEM; "": a client
  int fd() const { return socket_.get(); }
  bool met() const;      // the handshake is over
  short awaits() const;  // of poll(2): what it went no further without

  absl::Status Send(const google::protobuf::MessageLite& message);
  // DataLoss: no such message. ResourceExhausted: longer than kMaxMessageBytes.
  absl::Status Receive(google::protobuf::MessageLite* message);
  // The same as far as it goes without waiting, with the handshake: false: not all has come yet.
  absl::StatusOr<bool> TryReceive(google::protobuf::MessageLite* message);

 private:
  struct Session;  // OpenSSL's
  static absl::StatusOr<std::unique_ptr<TlsStream>> Meet(UniqueFd socket,
                                                         std::unique_ptr<Session> session,
                                                         MonotonicTime deadline);
  TlsStream(UniqueFd socket, std::unique_ptr<Session> session, MonotonicTime deadline);
  // Until `step`, a call of OpenSSL's, succeeds.
  template <typename Step>
  absl::Status Try(Step step);
  // Why OpenSSL's `result` is none: OK: awaits() first.
  absl::Status Why(int result) const;
  absl::Status Await() const;

  const UniqueFd socket_;
  const std::unique_ptr<Session> session_;
  const MonotonicTime deadline_;
  std::string peer_certificate_;
  std::string received_;  // of a message, with its length
};

}  // namespace synergy
