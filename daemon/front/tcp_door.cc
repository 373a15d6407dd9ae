#include "daemon/front/tcp_door.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "common/pairing_code.h"
#include "common/tls_stream.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr char kTlsHandshake = 22;  // the first byte of every TLS connection (RFC 8446, 5.1)
constexpr int kSweepMs = 1000;

}  // namespace

TcpDoor::TcpDoor(CertifiedKey board, Serve serve, Pair pair)
    : board_(std::move(board)),
      serve_(std::move(serve)),
      pair_(std::move(pair)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      sorter_([this] { Sort(); }) {
  for (std::jthread& thread : answerers_) thread = std::jthread([this] { AnswerAll(); });
}

TcpDoor::~TcpDoor() { Stop(); }

void TcpDoor::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    eventfd_write(wake_.get(), 1);
  }
  if (sorter_.joinable()) sorter_.join();
}

void TcpDoor::Take(UniqueFd connection) {
  const absl::MutexLock lock(&mutex_);
  if (!count_.Admit(connection.get())) return;
  arrived_.push_back(
      {.connection = std::move(connection), .end = RealClock().Now() + kPatience, .said = ""});
  eventfd_write(wake_.get(), 1);
}

TcpDoor::Wish TcpDoor::Hear(Visitor& visitor) {
  char first = 0;
  const int fd = visitor.connection.get();
  if (visitor.said.empty()) {
    const ssize_t size = recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR ? Wish::kUnknown : Wish::kGone;
    if (size == 0) return Wish::kGone;
    if (first == kTlsHandshake) return Wish::kServed;
  }
  while (visitor.said.size() < kPairingPreface.size()) {
    const ssize_t size = recv(fd, &first, 1, MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR ? Wish::kUnknown : Wish::kGone;
    if (size == 0 || first != kPairingPreface[visitor.said.size()]) return Wish::kGone;
    visitor.said += first;
  }
  return Wish::kAnswered;
}

void TcpDoor::Sort() {
  std::list<Visitor> silent;
  std::vector<pollfd> pollers;
  while (true) {
    pollers.assign(1, {.fd = wake_.get(), .events = POLLIN, .revents = 0});
    for (const Visitor& visitor : silent) {
      pollers.push_back({.fd = visitor.connection.get(), .events = POLLIN, .revents = 0});
    }
    poll(pollers.data(), pollers.size(), silent.empty() ? -1 : kSweepMs);
    eventfd_t count = 0;
    eventfd_read(wake_.get(), &count);
    {
      const absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      silent.splice(silent.end(), arrived_);
    }
    while (silent.size() > kMaxSilent) silent.pop_front();
    const MonotonicTime now = RealClock().Now();
    for (auto visitor = silent.begin(); visitor != silent.end();) {
      const Wish wish = now > visitor->end ? Wish::kGone : Hear(*visitor);
      if (wish == Wish::kServed) serve_(std::move(visitor->connection));
      if (wish == Wish::kAnswered) {
        const absl::MutexLock lock(&mutex_);
        if (waiting_.size() < kMaxWaiting) waiting_.push_back(std::move(*visitor));
      }
      visitor = wish == Wish::kUnknown ? std::next(visitor) : silent.erase(visitor);
    }
  }
}

void TcpDoor::AnswerAll() {
  const auto something = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !waiting_.empty();
  };
  while (true) {
    Visitor visitor;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&something));
      if (stopping_) return;
      visitor = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Answer(std::move(visitor));
  }
}

// A client that only wanted to see our certificate goes after the handshake.
void TcpDoor::Answer(Visitor visitor) {
  absl::StatusOr<std::unique_ptr<TlsStream>> stream =
      TlsStream::Accept(std::move(visitor.connection), board_, visitor.end);
  if (!stream.ok()) return;
  v1::PairRequest request;
  if (!(*stream)->Receive(&request).ok()) return;
  absl::StatusOr<v1::PairResponse> answer = pair_(request);
  v1::PairResponse response;
  if (answer.ok()) {
    response = *std::move(answer);
  } else {
    spdlog::warn("a pairing is refused: {}", answer.status().ToString());
    response.set_code(static_cast<uint32_t>(answer.status().code()));
    response.set_text(std::string(answer.status().message()));
  }
  (void)(*stream)->Send(response);
}

}  // namespace synergy
