#include "daemon/front/unix_servers.h"

#include "common/roles.h"
#include "daemon/front/unix_peer.h"
#include "spdlog/spdlog.h"

namespace synergy {

void UnixServers::Take(UniqueFd connection, int listener) {
  absl::StatusOr<Caller> caller = UnixPeer(connection.get(), owner_);
  if (!caller.ok()) return spdlog::warn("{}", caller.status().ToString());
  const absl::MutexLock lock(&mutex_);
  const auto key = std::make_pair(uid_t{caller->wire.uid()}, caller->role);
  auto server = servers_.find(key);
  if (server == servers_.end()) {
    if (servers_.size() >= kMaxUsers) {
      return spdlog::warn("user {} is not served: {} others were", key.first, servers_.size());
    }
    auto started = CallServer::Start(parts_, *caller, grpc::InsecureServerCredentials());
    if (!started.ok()) return spdlog::error("{}", started.status().ToString());
    spdlog::info("user {} comes as {}", key.first, RoleName(key.second));
    server = servers_.emplace(key, *std::move(started)).first;
  }
  server->second->Take(std::move(connection), listener);
}

void UnixServers::Shutdown(std::chrono::system_clock::time_point deadline) {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [user, server] : servers_) server->Shutdown(deadline);
}

}  // namespace synergy
