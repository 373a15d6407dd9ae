#include "daemon/front/unix_servers.h"

#include <utility>

#include "common/roles.h"
#include "daemon/front/unix_peer.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {

CallServer* UnixServers::ServerOf(const Caller& caller) {
  const Key key(caller.wire.uid(), caller.role);
  if (const auto known = servers_.find(key); known != servers_.end()) return known->second.get();
  // Admins are two users at most: root and who runs synergyd.
  const bool full = servers_.size() >= kMaxUsers && caller.role != v1::ROLE_ADMIN;
  Caller served = caller;
  if (full) {
    spdlog::warn("user {} is not served: {} others were", key.first, servers_.size());
    if (refusing_) return refusing_.get();
    served = Caller();
    served.refused = fmt::format(
        "This board's Unix socket serves {} users, and as many others have come since synergyd "
        "was started: have it started again, or come by TLS as a host that is paired (`synergyd "
        "pair`)",
        kMaxUsers);
  }
  auto started = CallServer::Start(parts_, std::move(served), grpc::InsecureServerCredentials());
  if (!started.ok()) {
    spdlog::error("{}", started.status().ToString());
    return nullptr;
  }
  if (full) return (refusing_ = *std::move(started)).get();
  spdlog::info("user {} comes as {}", key.first, RoleName(key.second));
  return servers_.emplace(key, *std::move(started)).first->second.get();
}

void UnixServers::Take(UniqueFd connection, int listener) {
  const absl::StatusOr<Caller> caller = UnixPeer(connection.get(), owner_);
  if (!caller.ok()) return spdlog::warn("{}", caller.status().ToString());
  const absl::MutexLock lock(&mutex_);
  CallServer* const server = ServerOf(*caller);
  if (server != nullptr) server->Take(std::move(connection), listener);
}

void UnixServers::Shutdown(std::chrono::system_clock::time_point deadline) {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [user, server] : servers_) server->Shutdown(deadline);
  if (refusing_) refusing_->Shutdown(deadline);
}

}  // namespace synergy
