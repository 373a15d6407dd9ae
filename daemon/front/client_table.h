// The clients that may come over TCP now, and the calls that they and the Unix socket's users make.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/front/call_rate.h"
#include "daemon/front/caller.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

// Thread-safe.
class ClientTable {
 public:
  // Of all at a time: the server's threads, but for those in which gRPC waits for calls.
  static constexpr size_t kMaxAllCalls = 60;
  // Of one client or user that is alone; of several less (common/fair_share.h).
  static constexpr size_t kMaxCalls = 40;
  // Of a client or user of the role watch: a `synergyctl watch` makes three a second. Without a
  // limit one of them takes half a core of the board from those who measure.
  static constexpr double kWatchCallsASecond = 50;
  static constexpr double kWatchCallsAtOnce = 100;

  // A call, as long as it lives. Does not outlive the table.
  class Call {
   public:
    Call(ClientTable& table, const Caller& caller, v1::Role needed, grpc::ServerContext* context)
        : table_(table), caller_(caller), id_(caller.id()), needed_(needed), context_(context) {}
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    const Caller& caller() const { return caller_; }

   private:
    friend class ClientTable;
    ClientTable& table_;
    const Caller caller_;
    const std::string id_;
    const v1::Role needed_;
    grpc::ServerContext* const context_;
  };

  explicit ClientTable(Clock& clock)
      : watch_calls_(kWatchCallsASecond, kWatchCallsAtOnce, clock), told_(1, 10, clock) {}

  // From now on these may come. Calls of others, and those that a client's role does not cover any
  // more, are cancelled.
  void Set(const v1::ClientBook& clients) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether this client may come now.
  bool Knows(const std::string& client) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Begins a call of `caller`; a client's role is the table's. Unauthenticated: the client is not
  // known, or was revoked. PermissionDenied: the role is less than `needed` for `what`.
  // ResourceExhausted: too many calls, at a time or a second, or Caller::refused.
  absl::StatusOr<std::unique_ptr<Call>> Begin(Caller caller, v1::Role needed,
                                              const std::string& what, grpc::ServerContext* context)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the audit log is to hear that this caller calls too much: not of each call.
  bool IsWorthTelling(const Caller& caller) { return told_.Admit(caller.id()); }

 private:
  CallRate watch_calls_, told_;
  mutable absl::Mutex mutex_;
  std::map<std::string, v1::Role> roles_ ABSL_GUARDED_BY(mutex_);  // by client
  std::set<Call*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
