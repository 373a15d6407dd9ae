#include "common/descriptors.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace synergy {
namespace {

// Carries the descriptors of a packet over a stream, which takes none without a byte.
constexpr char kCarrier = 'D';
constexpr int kPatienceMs = 5000;  // with a peer that does not read

}  // namespace

void AttachFds(std::span<const int> fds, FdBuffer* buffer, msghdr* header) {
  const size_t bytes = fds.size() * sizeof(int);
  memset(buffer, 0, sizeof(*buffer));
  header->msg_control = buffer->bytes;
  header->msg_controllen = CMSG_SPACE(bytes);
  cmsghdr* control = CMSG_FIRSTHDR(header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(bytes);
  memcpy(CMSG_DATA(control), fds.data(), bytes);
}

void TakeFds(msghdr* header, std::vector<UniqueFd>* fds) {
  for (cmsghdr* control = CMSG_FIRSTHDR(header); control != nullptr;
       control = CMSG_NXTHDR(header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      fds->emplace_back(fd);
    }
  }
}

absl::Status SendFds(int socket, std::span<const int> fds) {
  while (!fds.empty()) {
    const std::span<const int> some = fds.first(std::min(fds.size(), kMaxFdsAtOnce));
    char carrier = kCarrier;
    iovec part{.iov_base = &carrier, .iov_len = 1};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    FdBuffer control;
    AttachFds(some, &control, &header);
    if (sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) {
      fds = fds.subspan(some.size());
      continue;
    }
    if (errno == EINTR) continue;
    pollfd poller{.fd = socket, .events = POLLOUT, .revents = 0};
    if (errno == EAGAIN && poll(&poller, 1, kPatienceMs) != 0) continue;
    return absl::UnavailableError(
        fmt::format("handing descriptors on: {}",
                    errno == EAGAIN ? "the peer does not read" : std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UniqueFd>> ReceiveFds(int socket, size_t count) {
  std::vector<UniqueFd> fds;
  while (fds.size() < count) {
    char carrier = 0;
    iovec part{.iov_base = &carrier, .iov_len = 1};
    FdBuffer control;
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof(control.bytes);
    const ssize_t size = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return absl::UnavailableError("taking descriptors: the peer is gone");
    const size_t before = fds.size();
    TakeFds(&header, &fds);
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
      return absl::ResourceExhaustedError(
          "taking descriptors: this process may have no more of them (RLIMIT_NOFILE)");
    }
    if (carrier != kCarrier || fds.size() == before || fds.size() > count) {
      return absl::DataLossError(fmt::format("taking {} descriptors: something else came", count));
    }
  }
  return fds;
}

}  // namespace synergy
