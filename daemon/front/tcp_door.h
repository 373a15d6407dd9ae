// What comes by TCP: TLS goes to gRPC; who wants to be paired, or asks who we are, is answered
// here, where no client's certificate is needed. Everything else is closed before any of it is
// parsed.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/certificates.h"
#include "common/clock.h"
#include "common/tls_stream.h"
#include "common/unique_fd.h"
#include "daemon/front/connection_count.h"
#include "daemon/front/strangers.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

// Thread-safe.
class TcpDoor {
 public:
  static constexpr Nanoseconds kPatience = Seconds(10);  // for all that happens here
  // Connections that have more to send before anything can be done: those that have sent nothing
  // for longest go.
  static constexpr size_t kMaxSilent = 256;

  using Serve = std::function<void(UniqueFd connection)>;
  using Pair = std::function<absl::StatusOr<v1::PairResponse>(const v1::PairRequest&,
                                                              const std::string& from)>;
  // Both are called from the door's threads.
  // `strangers` outlives the door.
  TcpDoor(CertifiedKey board, Serve serve, Pair pair, Strangers& strangers);
  ~TcpDoor();  // an answer that is under way is finished
  TcpDoor(const TcpDoor&) = delete;
  TcpDoor& operator=(const TcpDoor&) = delete;

  // Closes it where there are too many (ConnectionCount).
  void Take(UniqueFd connection) ABSL_LOCKS_EXCLUDED(mutex_);
  // Serves nobody any more when it returns.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Visitor {
    UniqueFd connection;
    MonotonicTime end;
    std::string said;                   // of the preface
    std::unique_ptr<TlsStream> stream;  // after the preface; has the connection then

    int fd() const { return stream ? stream->fd() : connection.get(); }
  };

  void Sort() ABSL_LOCKS_EXCLUDED(mutex_);
  void AnswerAll() ABSL_LOCKS_EXCLUDED(mutex_);
  // As far as it goes without waiting for the visitor: nobody keeps a thread by being silent.
  void Answer(Visitor visitor) ABSL_LOCKS_EXCLUDED(mutex_);
  // What became clear of a visitor from what it has sent.
  enum class Wish { kUnknown, kGone, kGarbage, kServed, kAnswered };
  static Wish Hear(Visitor& visitor);
  // False: no more is to be heard of the visitor here.
  bool Await(Visitor& visitor) ABSL_LOCKS_EXCLUDED(mutex_);
  void RefuseLate(const Visitor& visitor);

  const CertifiedKey board_;
  const Serve serve_;
  const Pair pair_;
  Strangers& strangers_;
  const UniqueFd wake_;  // an eventfd: somebody came, or the end
  absl::Mutex mutex_;
  ConnectionCount count_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Visitor> arrived_ ABSL_GUARDED_BY(mutex_);
  std::deque<Visitor> waiting_ ABSL_GUARDED_BY(mutex_);  // to be answered
  std::jthread sorter_;
  std::array<std::jthread, 4> answerers_;
};

}  // namespace synergy
