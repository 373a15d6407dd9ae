// A gRPC server for connections that one class of callers has made: those of one user of the Unix
// socket, or all that come with a client's certificate.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/support/server_interceptor.h>

#include <chrono>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"
#include "daemon/front/caller.h"
#include "daemon/front/checked_service.h"

namespace synergy {

// What all servers of a front share; outlives them.
struct CallServerParts {
  DeviceService& handlers;
  ClientTable& clients;
  Strangers& strangers;
};

// Thread-safe.
class CallServer {
 public:
  // `caller`: as of CheckedService. `calls`: null, or hears of every call. Internal: gRPC does not
  // start.
  using Calls = std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>;
  static absl::StatusOr<std::unique_ptr<CallServer>> Start(
      const CallServerParts& parts, std::optional<Caller> caller,
      const std::shared_ptr<grpc::ServerCredentials>& credentials, Calls calls = nullptr);

  // Serves a connected socket that was accepted on `listener`.
  void Take(UniqueFd connection, int listener);
  // Ends every call at `deadline`. Without one it never returns over TCP while a stream is open
  // (gRPC 1.51).
  void Shutdown(std::chrono::system_clock::time_point deadline) { server_->Shutdown(deadline); }

 private:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;
  CallServer(const CallServerParts& parts, std::optional<Caller> caller)
      : service_(parts.handlers, parts.clients, parts.strangers, std::move(caller)) {}

  CheckedService service_;
  // Of its own: gRPC 1.51 aborts where a server that starts finds no thread left.
  grpc::ResourceQuota quota_{"synergyd-front"};
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace synergy
