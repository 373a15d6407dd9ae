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

  // From now on these may come. Calls of others, and those that a client's role does not cover any
  // more, are cancelled.
  void Set(const v1::ClientBook& clients) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether this client may come now.
  bool Knows(const std::string& client) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Begins a call of `caller`; a client's role is the table's. Unauthenticated: the client is not
  // known, or was revoked. PermissionDenied: the role is less than `needed` for `what`.
  // ResourceExhausted: too many calls, or Caller::refused.
  absl::StatusOr<std::unique_ptr<Call>> Begin(Caller caller, v1::Role needed,
                                              const std::string& what, grpc::ServerContext* context)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, v1::Role> roles_ ABSL_GUARDED_BY(mutex_);  // by client
  std::set<Call*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
