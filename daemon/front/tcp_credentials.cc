#include "daemon/front/tcp_credentials.h"

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <optional>
#include <utility>
#include <vector>

#include "common/certificates.h"
#include "common/protocol.h"
#include "fmt/format.h"

namespace synergy {
namespace {

std::string ClientOfUris(const std::vector<grpc::string_ref>& uris) {
  for (const grpc::string_ref& uri : uris) {
    std::string client = ClientOfUri({uri.data(), uri.size()});
    if (!client.empty()) return client;
  }
  return "";
}

// gRPC asks once OpenSSL has found the certificate to be of our authority.
class KnownClients final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit KnownClients(std::shared_ptr<TcpGate> gate) : gate_(std::move(gate)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* status) override {
    if (!gate_->MayConnect(ClientOfUris(request->uri_names()))) {
      *status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "not a client, or a revoked one");
    }
    return true;  // it is decided
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::shared_ptr<TcpGate> gate_;
};

class CalmClients final : public grpc::AuthMetadataProcessor {
 public:
  explicit CalmClients(std::shared_ptr<TcpGate> gate) : gate_(std::move(gate)) {}

  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata&, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    if (gate_->MayCall(ClientOfUris(context->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)))) {
      return grpc::Status::OK;
    }
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            fmt::format("{}: more than {:g} a second, or {} at a time whose answers are not read; "
                        "try again in a while",
                        kTooManyCalls, TcpGate::kCallsASecond, TcpGate::kMaxOpen)};
  }

 private:
  const std::shared_ptr<TcpGate> gate_;
};

// Lives as long as its call has a thread.
class CountedCall final : public grpc::experimental::Interceptor {
 public:
  CountedCall(std::shared_ptr<TcpGate> gate, grpc::ServerContextBase& context)
      : gate_(std::move(gate)), context_(context) {}
  ~CountedCall() override {
    if (client_.has_value()) gate_->Leave(*client_);
  }
  CountedCall(const CountedCall&) = delete;
  CountedCall& operator=(const CountedCall&) = delete;

  // At first when the call's metadata are there: before, the context does not know whose it is.
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (!client_.has_value()) {
      client_ =
          ClientOfUris(context_.auth_context()->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME));
      gate_->Enter(*client_);
    }
    methods->Proceed();
  }

 private:
  const std::shared_ptr<TcpGate> gate_;
  grpc::ServerContextBase& context_;
  std::optional<std::string> client_;
};

class CallCount final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit CallCount(std::shared_ptr<TcpGate> gate) : gate_(std::move(gate)) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    return new CountedCall(gate_, *info->server_context());  // gRPC's from now on
  }

 private:
  const std::shared_ptr<TcpGate> gate_;
};

}  // namespace

std::string ClientOfUri(std::string_view uri) {
  return uri.starts_with(kClientUri) ? std::string(uri.substr(kClientUri.size())) : "";
}

bool TcpGate::MayConnect(const std::string& client) {
  const absl::MutexLock lock(&connecting_);
  if (closed_to_all_) return false;
  if (clients_.Knows(client)) return true;
  if (refusals_.Admit("")) on_refused_(client);
  return false;
}

bool TcpGate::MayCall(const std::string& client) {
  const absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  const auto open = open_.find(client);
  return (open == open_.end() || open->second < kMaxOpen) && calls_.Admit(client);
}

void TcpGate::Enter(const std::string& client) {
  const absl::MutexLock lock(&mutex_);
  ++open_[client];
}

void TcpGate::Leave(const std::string& client) {
  const absl::MutexLock lock(&mutex_);
  if (--open_[client] == 0) open_.erase(client);
}

void TcpGate::Close() {
  const absl::MutexLock connecting(&connecting_), lock(&mutex_);
  closed_to_all_ = true;
  closed_ = true;
}

std::shared_ptr<grpc::ServerCredentials> TcpCredentials(const v1::TlsIdentity& tls,
                                                        std::shared_ptr<TcpGate> gate) {
  using grpc::experimental::ExternalCertificateVerifier;
  const auto own = std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
      tls.authority_pem(),
      std::vector<grpc::experimental::IdentityKeyCertPair>{{tls.key_pem(), tls.certificate_pem()}});
  grpc::experimental::TlsServerCredentialsOptions options(own);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.set_certificate_verifier(ExternalCertificateVerifier::Create<KnownClients>(gate));
  auto credentials = grpc::experimental::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<CalmClients>(std::move(gate)));
  return credentials;
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> CountCalls(
    std::shared_ptr<TcpGate> gate) {
  return std::make_unique<CallCount>(std::move(gate));
}

}  // namespace synergy
