// The servers of the Unix socket: one for each user who has come, so that each of their calls is
// known to be theirs.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/unique_fd.h"
#include "daemon/front/call_server.h"

namespace synergy {

// Thread-safe.
class UnixServers {
 public:
  // Calls of more users, but for admins, are refused by a server that they share.
  static constexpr size_t kMaxUsers = 16;

  // `parts` outlives it; `owner`: as of UnixPeer.
  UnixServers(const CallServerParts& parts, uid_t owner) : parts_(parts), owner_(owner) {}

  void Take(UniqueFd connection, int listener) ABSL_LOCKS_EXCLUDED(mutex_);
  // No Take afterwards.
  void Shutdown(std::chrono::system_clock::time_point deadline) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Key = std::pair<uid_t, v1::Role>;
  // Null, and it is logged: gRPC does not start.
  CallServer* ServerOf(const Caller& caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallServerParts& parts_;
  const uid_t owner_;
  absl::Mutex mutex_;
  std::map<Key, std::unique_ptr<CallServer>> servers_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<CallServer> refusing_ ABSL_GUARDED_BY(mutex_);  // null: nobody was too many
};

}  // namespace synergy
