#include "daemon/front/client_table.h"

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

absl::Status ClientTable::CheckRoom(const Caller& caller, Kind kind) const {
  const Room& room = kind == Kind::kStream ? kStreams : kSingleCalls;
  size_t all = 0, own = 0;
  for (const Call* call : calls_) {
    if (call->kind_ != kind) continue;
    ++all;
    if (call->id_ == caller.id()) ++own;
  }
  const size_t most = room.all + (caller.role == v1::ROLE_ADMIN ? room.for_admins : 0);
  if (all < most && own < room.of_one && LeavesAShare(own + 1, most - all - 1)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(fmt::format(
      "{} at the same time: you make {} {} already, and all together {}; try again in a while",
      kTooManyCalls, own, kind == Kind::kStream ? "streams" : "single calls", all));
}

absl::StatusOr<std::unique_ptr<ClientTable::Call>> ClientTable::Begin(
    Caller caller, v1::Role needed, Kind kind, const std::string& what,
    grpc::ServerContext* context) {
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
  if (absl::Status room = CheckRoom(caller, kind); !room.ok()) return room;
  auto call = std::make_unique<Call>(*this, caller, needed, kind, context);
  calls_.insert(call.get());
  return call;
}

}  // namespace synergy
