#include "common/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/openssl_reason.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// What gRPC speaks (RFC 7301, 3.1; RFC 9113, 3.1).
constexpr std::array<unsigned char, 3> kHttp2 = {2, 'h', '2'};

constexpr size_t kLengthBytes = 4;  // before each message, the highest first

constexpr std::string_view kOtherwise = "the connection was closed";

std::string Reason() { return OpenSslReason(kOtherwise); }

absl::Status Failed(std::string_view what) { return FailedInOpenSsl(what, kOtherwise); }

bool UseCertificate(SSL_CTX* context, const CertifiedKey& server) {
  BIO* memory =
      BIO_new_mem_buf(server.certificate.data(), static_cast<int>(server.certificate.size()));
  X509* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  memory = BIO_new_mem_buf(server.key.data(), static_cast<int>(server.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  const bool used = certificate != nullptr && key != nullptr &&
                    SSL_CTX_use_certificate(context, certificate) == 1 &&
                    SSL_CTX_use_PrivateKey(context, key) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  return used;
}

// Where the message that begins in `received` ends; where its length does, as long as that is not
// known.
size_t MessageEnd(std::string_view received) {
  if (received.size() < kLengthBytes) return kLengthBytes;
  size_t size = 0;
  for (const char byte : received.substr(0, kLengthBytes)) {
    size = size << 8 | static_cast<unsigned char>(byte);
  }
  return kLengthBytes + size;
}

std::string PemOf(X509* certificate) {
  if (certificate == nullptr) return "";
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string pem(data, static_cast<size_t>(std::max(size, 0L)));
  BIO_free(memory);
  return pem;
}

}  // namespace

struct TlsStream::Session {
  explicit Session(const SSL_METHOD* method) : context(SSL_CTX_new(method)) {
    if (context != nullptr) SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  }
  ~Session() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool Open(int fd) {
    ssl = SSL_new(context);
    return ssl != nullptr && SSL_set_fd(ssl, fd) == 1;
  }

  SSL_CTX* const context;
  SSL* ssl = nullptr;
};

TlsStream::TlsStream(UniqueFd socket, std::unique_ptr<Session> session, MonotonicTime deadline)
    : socket_(std::move(socket)), session_(std::move(session)), deadline_(deadline) {}
TlsStream::~TlsStream() = default;

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::Accept(UniqueFd socket,
                                                             const CertifiedKey& server,
                                                             MonotonicTime deadline) {
  auto session = std::make_unique<Session>(TLS_server_method());
  if (session->context == nullptr || !UseCertificate(session->context, server) ||
      !session->Open(socket.get())) {
    return Failed("Preparing TLS");
  }
  SSL_CTX_set_session_cache_mode(session->context, SSL_SESS_CACHE_OFF);
  SSL_set_options(session->ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_set_num_tickets(session->ssl, 0);  // nobody comes back, and who only looks is gone by then
  SSL_set_accept_state(session->ssl);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(socket), std::move(session), deadline));
}

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::Connect(UniqueFd socket,
                                                              MonotonicTime deadline) {
  auto session = std::make_unique<Session>(TLS_client_method());
  if (session->context == nullptr || !session->Open(socket.get())) return Failed("Preparing TLS");
  return Meet(std::move(socket), std::move(session), deadline);
}

absl::Status TlsStream::Knock(UniqueFd socket, const CertifiedKey& own,
                              const std::string& authority, MonotonicTime deadline) {
  auto session = std::make_unique<Session>(TLS_client_method());
  if (session->context == nullptr || !UseCertificate(session->context, own) ||
      SSL_CTX_set_alpn_protos(session->context, kHttp2.data(), kHttp2.size()) != 0 ||
      !session->Open(socket.get())) {
    return Failed("Preparing TLS");
  }
  auto stream = Meet(std::move(socket), std::move(session), deadline);
  if (!stream.ok()) return stream.status();
  if (absl::Status other = CheckSignature((*stream)->peer_certificate(), authority); !other.ok()) {
    return absl::FailedPreconditionError(other.message());
  }
  SSL* const ssl = (*stream)->session_->ssl;
  char byte = 0;
  const absl::Status said = (*stream)->Try([&] { return SSL_read(ssl, &byte, 1); });
  if (!absl::IsUnavailable(said)) return said;
  return absl::UnauthenticatedError(std::string(said.message()));
}

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::Meet(UniqueFd socket,
                                                           std::unique_ptr<Session> session,
                                                           MonotonicTime deadline) {
  SSL_set_verify(session->ssl, SSL_VERIFY_NONE, nullptr);
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(socket), std::move(session), deadline));
  SSL* const ssl = stream->session_->ssl;
  if (absl::Status status = stream->Try([ssl] { return SSL_connect(ssl); }); !status.ok()) {
    return status;
  }
  X509* const peer = SSL_get1_peer_certificate(ssl);
  stream->peer_certificate_ = PemOf(peer);
  X509_free(peer);
  if (stream->peer_certificate_.empty()) {
    return absl::UnavailableError("what answers there has no certificate: it is no synergyd");
  }
  return stream;
}

template <typename Step>
absl::Status TlsStream::Try(Step step) {
  while (true) {
    ERR_clear_error();
    const int result = step();
    if (result > 0) return absl::OkStatus();
    if (absl::Status ended = Why(result); !ended.ok()) return ended;
    if (absl::Status late = Await(); !late.ok()) return late;
  }
}

absl::Status TlsStream::Why(int result) const {
  const int error = SSL_get_error(session_->ssl, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("TLS ended: {}", Reason()));
}

absl::Status TlsStream::Await() const {
  pollfd poller{.fd = socket_.get(), .events = awaits(), .revents = 0};
  const int64_t left_ms = (deadline_ - RealClock().Now()).count / 1'000'000;
  if (left_ms <= 0) return absl::DeadlineExceededError("the other side did not answer in time");
  poll(&poller, 1, static_cast<int>(std::min<int64_t>(left_ms, 60'000)));
  return absl::OkStatus();
}

bool TlsStream::met() const { return SSL_is_init_finished(session_->ssl) == 1; }

short TlsStream::awaits() const { return SSL_want_write(session_->ssl) ? POLLOUT : POLLIN; }

absl::Status TlsStream::Send(const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  if (bytes.size() > kMaxMessageBytes) {
    return absl::ResourceExhaustedError("the message is too long for a pairing");
  }
  std::string packet;
  for (const int shift : {24, 16, 8, 0}) packet += static_cast<char>(bytes.size() >> shift & 0xff);
  packet += bytes;
  SSL* const ssl = session_->ssl;  // writes all of it, or nothing yet
  return Try([&] { return SSL_write(ssl, packet.data(), static_cast<int>(packet.size())); });
}

absl::Status TlsStream::Receive(google::protobuf::MessageLite* message) {
  while (true) {
    const absl::StatusOr<bool> received = TryReceive(message);
    if (!received.ok()) return received.status();
    if (*received) return absl::OkStatus();
    if (absl::Status late = Await(); !late.ok()) return late;
  }
}

absl::StatusOr<bool> TlsStream::TryReceive(google::protobuf::MessageLite* message) {
  for (size_t end = MessageEnd(received_); received_.size() < end; end = MessageEnd(received_)) {
    if (end > kLengthBytes + kMaxMessageBytes) {
      return absl::ResourceExhaustedError("the other side sent a message that is too long");
    }
    std::array<char, 1024> bytes;
    const size_t room = std::min(bytes.size(), end - received_.size());
    ERR_clear_error();
    const int got = SSL_read(session_->ssl, bytes.data(), static_cast<int>(room));
    if (got <= 0) {
      const absl::Status ended = Why(got);
      return ended.ok() ? absl::StatusOr<bool>(false) : ended;
    }
    received_.append(bytes.data(), static_cast<size_t>(got));
  }
  if (!message->ParseFromString(std::exchange(received_, "").substr(kLengthBytes))) {
    return absl::DataLossError("the other side sent something that is no such message");
  }
  return true;
}

}  // namespace synergy
