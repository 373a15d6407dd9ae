#include "daemon/front/client_table.h"

#include <algorithm>
#include <utility>

#include "common/fair_share.h"
#include "common/protocol.h"
#include "common/roles.h"
#include "fmt/format.h"

namespace synergy {

ClientTable::Call::~Call() {
  const absl::MutexLock lock(&table_.mutex_);
  table_.calls_.erase(this);
}

void ClientTable::Set(const v1::ClientBook& clients) {
  const absl::MutexLock lock(&mutex_);
  roles_.clear();
  for (const v1::ClientRecord& client : clients.clients()) roles_[client.id()] = client.role();
  for (const Call* call : calls_) {
    if (!call->caller_.paired()) continue;  // of a user of the Unix socket
    const auto role = roles_.find(call->id_);
    if (role == roles_.end() || role->second < call->needed_) call->context_->TryCancel();
  }
}

bool ClientTable::Knows(const std::string& client) const {
  const absl::MutexLock lock(&mutex_);
  return roles_.contains(client);
}

absl::StatusOr<std::unique_ptr<ClientTable::Call>> ClientTable::Begin(
    Caller caller, v1::Role needed, const std::string& what, grpc::ServerContext* context) {
  if (!caller.refused.empty()) return absl::ResourceExhaustedError(caller.refused);
  const absl::MutexLock lock(&mutex_);
  if (caller.paired()) {
    const auto role = roles_.find(caller.wire.client_id());
    if (role == roles_.end()) {
      return absl::UnauthenticatedError(
          "This board does not know this client, or has revoked it: pair again with a code that "
          "`synergyd pair` prints on the board");
    }
    caller.role = role->second;
  }
  if (caller.role < v1::ROLE_RUN && !watch_calls_.Admit(caller.id())) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: the role watch may make {:g} a second on this board; ask less often, or "
                    "have the role run",
                    kTooManyCalls, kWatchCallsASecond));
  }
  if (absl::Status may = CheckRole(needed, caller.role, what, caller.paired()); !may.ok())
    return may;
  const auto own = static_cast<size_t>(std::ranges::count(calls_, caller.id(), &Call::id_));
  if (calls_.size() >= kMaxAllCalls || own >= kMaxCalls ||
      !LeavesAShare(own + 1, kMaxAllCalls - calls_.size() - 1)) {
    return absl::ResourceExhaustedError(
        fmt::format("You make {} calls at the same time already, and all together {}: try again",
                    own, calls_.size()));
  }
  auto call = std::make_unique<Call>(*this, caller, needed, context);
  calls_.insert(call.get());
  return call;
}

}  // namespace synergy
