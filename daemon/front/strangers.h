// Connections by TCP that came to nothing, for the board's audit log: refused at the door, or given
// to gRPC and over before a call. gRPC 1.51 does not say why it ends one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/front/socket_peer.h"

namespace synergy {

// Thread-safe.
class Strangers {
 public:
  // Beyond so many in a second nobody is told: they come faster than anybody reads.
  static constexpr int kMaxASecond = 10;

  // `from`: an address without a port. Called from the threads that call this.
  using Tell = std::function<void(const std::string& from, const std::string& why)>;
  Strangers(Tell tell, Clock& clock) : tell_(std::move(tell)), clock_(clock) {}

  void Refuse(const SocketPeer& peer, const std::string& why) ABSL_LOCKS_EXCLUDED(mutex_);
  void Refuse(int connection, const std::string& why) { Refuse(PeerOf(connection), why); }

  // gRPC gets this connection now.
  void Serve(int connection) ABSL_LOCKS_EXCLUDED(mutex_);
  // A call has come by the connection of `peer`, as grpc::ServerContext::peer has it.
  void Called(std::string_view peer) ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells of those that have ended without a call. False: nobody is waited for.
  bool Look() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Served {
    int fd = -1;
    ino_t inode = 0;
    SocketPeer peer;
  };

  const Tell tell_;
  Clock& clock_;
  absl::Mutex mutex_;
  std::vector<Served> served_ ABSL_GUARDED_BY(mutex_);
  int64_t second_ ABSL_GUARDED_BY(mutex_) = 0;
  int told_ ABSL_GUARDED_BY(mutex_) = 0;  // in this second
};

}  // namespace synergy
