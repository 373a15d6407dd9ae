#include "daemon/front/front_server.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <utility>

#include "common/telemetry_ring.h"
#include "daemon/front/device_service.h"
#include "daemon/front/listener.h"
#include "daemon/front/news.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr auto kShutdownPatience = std::chrono::milliseconds(300);
constexpr int kMaxMessageBytes = 2 << 20;  // nets come in parts of 1 MiB
// A thread serves one call; a calm daemon needs a handful.
constexpr int kMaxThreads = 64;
constexpr int kMaxStreamsPerConnection = 32;
constexpr size_t kMaxBufferBytes = 256u << 20;
// What a call may send ahead of its handler: 1 Gbit/s over 16 ms. By itself gRPC lets a fast client
// send ahead of a slow disk until the front has grown by 100 MB.
constexpr int kAheadBytes = 2 << 20;

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

// Keeps gRPC from shutting down with its last server: that waits up to 10 s for a poller
// (gRPC 1.51).
void KeepGrpcUp() {
  static const bool kept = (grpc_init(), true);
  (void)kept;
}

void SetLimits(grpc::ServerBuilder* builder) {
  grpc::ResourceQuota quota("synergyd-front");
  quota.SetMaxThreads(kMaxThreads);
  quota.Resize(kMaxBufferBytes);
  builder->SetResourceQuota(quota);
  builder->SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kAheadBytes);
  // Clients ping every 10 s while they call (client/net); a dead client's streams end within 30 s.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
}

// An acceptor of its own for each listener, so that each can have its own credentials.
std::unique_ptr<Acceptor> AddAcceptor(grpc::ServerBuilder* builder) {
  return builder->experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
}

}  // namespace

// In the order of construction: what comes later uses what came before.
struct FrontServer::Parts {
  Parts(FrontStart start, TelemetryRingReader ring, std::unique_ptr<ControlChannel> channel,
        Clock& clock)
      : news(std::move(start.news)),
        telemetry(std::move(ring)),
        root(std::move(channel), news),
        service(std::move(start.board), root, news, telemetry, clock) {}

  News news;
  TelemetryRingReader telemetry;
  RootClient root;
  DeviceService service;
  std::unique_ptr<grpc::Server> server;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  std::vector<std::unique_ptr<Listener>> listeners;
};

FrontServer::FrontServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<FrontServer>> FrontServer::Start(
    std::unique_ptr<ControlChannel> channel, Clock& clock) {
  absl::StatusOr<FrontStart> start = ReceiveStart(channel.get());
  if (!start.ok()) return start.status();
  absl::StatusOr<TelemetryRingReader> ring = TelemetryRingReader::Map(start->telemetry_ring.get());
  if (!ring.ok()) return ring.status();
  std::vector<FrontStart::Listener> sockets = std::move(start->listeners);
  auto parts =
      std::make_unique<Parts>(*std::move(start), *std::move(ring), std::move(channel), clock);

  KeepGrpcUp();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetLimits(&builder);
  builder.RegisterService(&parts->service);
  for (size_t i = 0; i < sockets.size(); ++i) parts->acceptors.push_back(AddAcceptor(&builder));
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr) return absl::InternalError("gRPC does not start a server");
  for (size_t i = 0; i < sockets.size(); ++i) {
    auto hand_over = [acceptor = parts->acceptors[i].get(),
                      listener = sockets[i].socket.get()](UniqueFd connection) {
      Acceptor::NewConnectionParameters parameters;
      parameters.listener_fd = listener;
      parameters.fd = connection.release();
      acceptor->HandleNewConnection(&parameters);
    };
    spdlog::info("serving {}", sockets[i].address);
    parts->listeners.push_back(std::make_unique<Listener>(
        std::move(sockets[i].address), std::move(sockets[i].socket), std::move(hand_over)));
  }
  return std::unique_ptr<FrontServer>(new FrontServer(std::move(parts)));
}

FrontServer::~FrontServer() {
  parts_->listeners.clear();
  parts_->news.Stop();
  // Without a deadline it never returns over TCP while a stream is open (gRPC 1.51).
  parts_->server->Shutdown(std::chrono::system_clock::now() + kShutdownPatience);
}

int FrontServer::lost_fd() const { return parts_->root.lost_fd(); }

absl::Status FrontServer::lost() const { return parts_->root.lost(); }

}  // namespace synergy
