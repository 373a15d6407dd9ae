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
  // Streams last as long as their clients like, single calls are answered at once: they do not
  // share their room, so that who watches keeps nobody from acknowledging or cancelling.
  enum class Kind { kStream, kSingle };
  // Calls at a time, each of which has a thread.
  struct Room {
    size_t all;
    size_t of_one;      // client or user that is alone; of several less (common/fair_share.h)
    size_t for_admins;  // beside `all`
  };
  // A `synergyctl watch` of the role run holds two: 32 of one client beside 8 jobs that are
  // followed.
  static constexpr Room kStreams{.all = 120, .of_one = 80, .for_admins = 8};
  static constexpr Room kSingleCalls{.all = 24, .of_one = 16, .for_admins = 8};
  static constexpr size_t kMaxCalls = kStreams.of_one + kSingleCalls.of_one;  // of one
  static constexpr size_t kMaxAllCalls =
      kStreams.all + kStreams.for_admins + kSingleCalls.all + kSingleCalls.for_admins;
  // Of a client or user of the role watch: a `synergyctl watch` makes three a second. Without a
  // limit one of them takes half a core of the board from those who measure.
  static constexpr double kWatchCallsASecond = 50;
  static constexpr double kWatchCallsAtOnce = 100;

  // A call, as long as it lives. Does not outlive the table.
  class Call {
   public:
    Call(ClientTable& table, const Caller& caller, v1::Role needed, Kind kind,
         grpc::ServerContext* context)
        : table_(table),
          caller_(caller),
          id_(caller.id()),
          needed_(needed),
          kind_(kind),
          context_(context) {}
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
    const Kind kind_;
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
  // ResourceExhausted: too many calls, at a time or a second (kTooManyCalls), or Caller::refused.
  absl::StatusOr<std::unique_ptr<Call>> Begin(Caller caller, v1::Role needed, Kind kind,
                                              const std::string& what, grpc::ServerContext* context)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the audit log is to hear that this caller calls too much: not of each call.
  bool IsWorthTelling(const Caller& caller) { return told_.Admit(caller.id()); }

 private:
  absl::Status CheckRoom(const Caller& caller, Kind kind) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  CallRate watch_calls_, told_;
  mutable absl::Mutex mutex_;
  std::map<std::string, v1::Role> roles_ ABSL_GUARDED_BY(mutex_);  // by client
  std::set<Call*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
