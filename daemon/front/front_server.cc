#include "daemon/front/front_server.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "common/telemetry_ring.h"
#include "daemon/front/call_server.h"
#include "daemon/front/client_table.h"
#include "daemon/front/device_service.h"
#include "daemon/front/listener.h"
#include "daemon/front/news.h"
#include "daemon/front/tcp_credentials.h"
#include "daemon/front/tcp_door.h"
#include "daemon/front/unix_servers.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr auto kShutdownPatience = std::chrono::milliseconds(300);
constexpr Nanoseconds kRootPatience = Seconds(5);

// Keeps gRPC from shutting down with its last server: that waits up to 10 s for a poller
// (gRPC 1.51).
void KeepGrpcUp() {
  static const bool kept = (grpc_init(), true);
  (void)kept;
}

bool IsUnix(const std::string& address) { return address.starts_with("unix:"); }

}  // namespace

// In the order of construction: what comes later uses what came before.
struct FrontServer::Parts {
  Parts(FrontStart start, TelemetryRingReader ring, std::unique_ptr<ControlChannel> channel,
        Clock& clock)
      : tls(std::move(start.tls)),
        clients(clock),
        news(std::move(start.news)),
        telemetry(std::move(ring)),
        root(std::move(channel), news, kRootPatience,
             [this](const v1::ClientBook& book) { clients.Set(book); }),
        handlers(std::move(start.board), root, news, telemetry, clock),
        strangers([this](const std::string& from,
                         const std::string& why) { root.TellStranger(from, why); },
                  clock),
        gate(std::make_shared<TcpGate>(
            clients, [this](const std::string& client) { root.TellUnknown(client); }, clock)),
        unix_servers(shared, start.owner) {}

  absl::Status ServeTcp(int listener);

  const v1::TlsIdentity tls;
  ClientTable clients;
  News news;
  TelemetryRingReader telemetry;
  RootClient root;
  DeviceService handlers;
  Strangers strangers;
  const std::shared_ptr<TcpGate> gate;
  const CallServerParts shared{.handlers = handlers, .clients = clients, .strangers = strangers};
  UnixServers unix_servers;
  std::unique_ptr<CallServer> tcp_server;  // null: nobody comes by TCP
  std::unique_ptr<TcpDoor> door;
  std::vector<std::unique_ptr<Listener>> listeners;
};

absl::Status FrontServer::Parts::ServeTcp(int listener) {
  if (door) return absl::OkStatus();
  if (tls.key_pem().empty() || tls.certificate_pem().empty() || tls.authority_pem().empty()) {
    return absl::FailedPreconditionError(
        "synergyd gave an address to serve by TCP, but no certificates: TCP is not served without");
  }
  auto server =
      CallServer::Start(shared, std::nullopt, TcpCredentials(tls, gate), CountCalls(gate));
  if (!server.ok()) return server.status();
  tcp_server = *std::move(server);
  door = std::make_unique<TcpDoor>(
      CertifiedKey{.key = tls.key_pem(), .certificate = tls.certificate_pem()},
      [this, listener](UniqueFd connection) { tcp_server->Take(std::move(connection), listener); },
      [this](const v1::PairRequest& request, const std::string& from) {
        return root.Pair(request, from);
      },
      strangers);
  return absl::OkStatus();
}

FrontServer::FrontServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<FrontServer>> FrontServer::Start(
    std::unique_ptr<ControlChannel> channel, Clock& clock) {
  absl::StatusOr<FrontStart> start = ReceiveStart(channel.get());
  if (!start.ok()) return start.status();
  absl::StatusOr<TelemetryRingReader> ring = TelemetryRingReader::Map(start->telemetry_ring.get());
  if (!ring.ok()) return ring.status();
  std::vector<FrontStart::Listener> sockets = std::move(start->listeners);
  KeepGrpcUp();
  auto owned =
      std::make_unique<Parts>(*std::move(start), *std::move(ring), std::move(channel), clock);
  Parts* const parts = owned.get();
  if (absl::Status told = parts->root.AwaitJobs(kRootPatience); !told.ok()) return told;
  for (FrontStart::Listener& socket : sockets) {
    const int listener = socket.socket.get();
    Listener::OnConnection take = [parts, listener](UniqueFd connection) {
      parts->unix_servers.Take(std::move(connection), listener);
    };
    if (!IsUnix(socket.address)) {
      if (absl::Status status = parts->ServeTcp(listener); !status.ok()) return status;
      take = [parts](UniqueFd connection) { parts->door->Take(std::move(connection)); };
    }
    spdlog::info("serving {}", socket.address);
    parts->listeners.push_back(std::make_unique<Listener>(
        std::move(socket.address), std::move(socket.socket), std::move(take)));
  }
  return std::unique_ptr<FrontServer>(new FrontServer(std::move(owned)));
}

FrontServer::~FrontServer() {
  parts_->listeners.clear();
  if (parts_->door) parts_->door->Stop();
  parts_->news.Stop();
  const auto deadline = std::chrono::system_clock::now() + kShutdownPatience;
  parts_->unix_servers.Shutdown(deadline);
  if (parts_->tcp_server) parts_->tcp_server->Shutdown(deadline);
  parts_->gate->Close();
}

int FrontServer::lost_fd() const { return parts_->root.lost_fd(); }

absl::Status FrontServer::lost() const { return parts_->root.lost(); }

}  // namespace synergy
