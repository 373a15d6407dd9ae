#include "daemon/front/call_server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>
#include <vector>

#include "daemon/front/client_table.h"
#include "daemon/front/tcp_credentials.h"

namespace synergy {
namespace {

constexpr int kMaxMessageBytes = 2 << 20;  // nets come in parts of 1 MiB
// A thread serves one call, until its client has taken the answer: as many as ClientTable lets in,
// and those of a client or two that do not read. A calm daemon needs a handful.
constexpr int kMaxThreads = ClientTable::kMaxAllCalls + 2 * TcpGate::kMaxOpen;
// Of a user of the Unix socket: ClientTable lets fewer in.
constexpr int kMaxUserThreads = ClientTable::kMaxCalls + 16;
constexpr int kMaxStreamsPerConnection = 32;
constexpr int kHandshakeMs = 5'000;
constexpr int kMaxIdleMs = 600'000;  // without a call; the client connects again by itself
constexpr size_t kMaxBufferBytes = 256u << 20;
constexpr size_t kMaxUserBufferBytes = 64u << 20;
// What a call may send ahead of its handler: 1 Gbit/s over 16 ms. By itself gRPC lets a fast client
// send ahead of a slow disk until the front has grown by 100 MB.
constexpr int kAheadBytes = 2 << 20;

void SetLimits(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kAheadBytes);
  // Clients ping every 10 s while they call (client/net); a dead client's streams end within 30 s.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CallServer>> CallServer::Start(
    const CallServerParts& parts, std::optional<Caller> caller,
    const std::shared_ptr<grpc::ServerCredentials>& credentials, Calls calls) {
  const bool by_certificate = !caller.has_value();
  std::unique_ptr<CallServer> server(new CallServer(parts, std::move(caller)));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  server->quota_.SetMaxThreads(by_certificate ? kMaxThreads : kMaxUserThreads);
  server->quota_.Resize(by_certificate ? kMaxBufferBytes : kMaxUserBufferBytes);
  builder.SetResourceQuota(server->quota_);
  SetLimits(&builder);
  // Nobody checks the role of who calls gRPC's own health service: over TCP there is none.
  if (by_certificate) {
    builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
    // gRPC's own patience is 120 s: time for a stranger to use up our descriptors.
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  }
  if (calls) {
    std::vector<Calls> all;
    all.push_back(std::move(calls));
    builder.experimental().SetInterceptorCreators(std::move(all));
  }
  builder.RegisterService(&server->service_);
  server->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) return absl::InternalError("gRPC does not start a server");
  return server;
}

void CallServer::Take(UniqueFd connection, int listener) {
  Acceptor::NewConnectionParameters parameters;
  parameters.listener_fd = listener;
  parameters.fd = connection.release();
  acceptor_->HandleNewConnection(&parameters);
}

}  // namespace synergy
