#include "daemon/front/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr int kBackOffMs = 100;  // out of descriptors: some connection will end

void SetNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// gRPC sets these on connections that it accepts itself. On a Unix socket they fail and are not
// needed.
void SetLowLatency(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

Listener::Listener(std::string address, UniqueFd socket, OnConnection on_connection)
    : address_(std::move(address)),
      socket_(std::move(socket)),
      on_connection_(std::move(on_connection)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // A client that gives up between poll and accept must not leave accept waiting.
  SetNonBlocking(socket_.get());
  thread_ = std::jthread([this] { Run(); });
}

Listener::~Listener() { eventfd_write(stop_.get(), 1); }

void Listener::Run() {
  for (;;) {
    pollfd pollers[2] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                         {.fd = socket_.get(), .events = POLLIN, .revents = 0}};
    if (poll(pollers, 2, -1) < 0) continue;  // EINTR
    if (pollers[0].revents != 0) return;
    if ((pollers[1].revents & POLLIN) == 0) {
      spdlog::error("the listening socket of {} is broken; nobody is accepted there any more",
                    address_);
      return;
    }
    AcceptAll();
  }
}

void Listener::AcceptAll() {
  for (;;) {
    UniqueFd connection(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.ok()) {
      SetLowLatency(connection.get());
      on_connection_(std::move(connection));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) return;
    spdlog::warn("accepting a connection on {}: {}", address_, strerror(errno));
    pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
    poll(&stop, 1, kBackOffMs);
    return;
  }
}

}  // namespace synergy
