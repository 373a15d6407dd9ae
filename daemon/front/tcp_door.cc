#include "daemon/front/tcp_door.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "common/pairing_code.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr char kTlsHandshake = 22;  // the first byte of every TLS connection (RFC 8446, 5.1)
constexpr int kSweepMs = 1000;

}  // namespace

TcpDoor::TcpDoor(CertifiedKey board, Serve serve, Pair pair, Strangers& strangers)
    : board_(std::move(board)),
      serve_(std::move(serve)),
      pair_(std::move(pair)),
      strangers_(strangers),
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
  {
    const absl::MutexLock lock(&mutex_);
    if (count_.Admit(connection.get())) {
      arrived_.push_back({.connection = std::move(connection),
                          .end = RealClock().Now() + kPatience,
                          .said = "",
                          .stream = nullptr});
      eventfd_write(wake_.get(), 1);
      return;
    }
  }
  strangers_.Refuse(connection.get(), "too many connections, from there or in all");
}

TcpDoor::Wish TcpDoor::Hear(Visitor& visitor) {
  char first = 0;
  const int fd = visitor.fd();
  if (visitor.stream) {
    pollfd poller{.fd = fd, .events = visitor.stream->awaits(), .revents = 0};
    return poll(&poller, 1, 0) > 0 ? Wish::kAnswered : Wish::kUnknown;
  }
  if (visitor.said.empty()) {
    const ssize_t size = recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR ? Wish::kUnknown : Wish::kGone;
    if (size == 0) return Wish::kGone;
    if (first == kTlsHandshake) return Wish::kServed;
  }
  while (visitor.said.size() < kPairingPreface.size()) {
    const ssize_t size = recv(fd, &first, 1, MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR ? Wish::kUnknown : Wish::kGone;
    if (size == 0) return Wish::kGone;
    if (first != kPairingPreface[visitor.said.size()]) return Wish::kGarbage;
    visitor.said += first;
  }
  return Wish::kAnswered;
}

bool TcpDoor::Await(Visitor& visitor) {
  const int fd = visitor.fd();
  const Wish wish = Hear(visitor);
  const bool is_late = RealClock().Now() > visitor.end;
  if (wish == Wish::kUnknown && !is_late) return true;
  if (is_late && (wish == Wish::kUnknown || wish == Wish::kAnswered)) {
    RefuseLate(visitor);
    return false;
  }
  if (wish == Wish::kGarbage) strangers_.Refuse(fd, "what it said is neither TLS nor a pairing");
  if (wish == Wish::kServed) {
    strangers_.Serve(fd);
    serve_(std::move(visitor.connection));
  }
  if (wish != Wish::kAnswered) return false;
  const absl::MutexLock lock(&mutex_);
  waiting_.push_back(std::move(visitor));
  return false;
}

// Who only wanted to see our certificate is no stranger.
void TcpDoor::RefuseLate(const Visitor& visitor) {
  if (visitor.stream == nullptr) return strangers_.Refuse(visitor.fd(), "it said nothing");
  if (!visitor.stream->met()) strangers_.Refuse(visitor.fd(), "TLS of a pairing: it took too long");
}

void TcpDoor::Sort() {
  std::list<Visitor> silent;
  std::vector<pollfd> pollers;
  while (true) {
    pollers.assign(1, {.fd = wake_.get(), .events = POLLIN, .revents = 0});
    for (const Visitor& visitor : silent) {
      const short events = visitor.stream ? visitor.stream->awaits() : short{POLLIN};
      pollers.push_back({.fd = visitor.fd(), .events = events, .revents = 0});
    }
    const bool waits = strangers_.Look() || !silent.empty();
    poll(pollers.data(), pollers.size(), waits ? kSweepMs : -1);
    eventfd_t count = 0;
    eventfd_read(wake_.get(), &count);
    {
      const absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      silent.splice(silent.end(), arrived_);
    }
    while (silent.size() > kMaxSilent) {
      strangers_.Refuse(silent.front().fd(), "too many connections that say nothing");
      silent.pop_front();
    }
    std::erase_if(silent, [this](Visitor& visitor) { return !Await(visitor); });
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

void TcpDoor::Answer(Visitor visitor) {
  const SocketPeer peer = PeerOf(visitor.fd());
  const auto refuse = [&](const absl::Status& why) {
    strangers_.Refuse(peer, "TLS of a pairing: " + why.ToString());
  };
  if (visitor.stream == nullptr) {
    auto stream = TlsStream::Accept(std::move(visitor.connection), board_, visitor.end);
    if (!stream.ok()) return refuse(stream.status());
    visitor.stream = *std::move(stream);
  }
  v1::PairRequest request;
  const absl::StatusOr<bool> received = visitor.stream->TryReceive(&request);
  if (!received.ok()) {
    // A client that only wanted to see our certificate goes after the handshake.
    if (!visitor.stream->met()) refuse(received.status());
    return;
  }
  if (!*received) {
    const absl::MutexLock lock(&mutex_);
    arrived_.push_back(std::move(visitor));
    eventfd_write(wake_.get(), 1);
    return;
  }
  absl::StatusOr<v1::PairResponse> answer = pair_(request, peer.address);
  v1::PairResponse response;
  if (answer.ok()) {
    response = *std::move(answer);
  } else {
    spdlog::warn("a pairing is refused: {}", answer.status().ToString());
    response.set_code(static_cast<uint32_t>(answer.status().code()));
    response.set_text(std::string(answer.status().message()));
  }
  (void)visitor.stream->Send(response);
}

}  // namespace synergy
