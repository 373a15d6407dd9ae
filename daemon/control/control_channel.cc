#include "daemon/control/control_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/descriptors.h"
#include "fmt/format.h"

namespace synergy {
namespace {

absl::Status PeerGone(const char* what) {
  return absl::UnavailableError(
      fmt::format("{} the control channel: the process at its other end is gone", what));
}

absl::Status SystemError(const char* what, int error) {
  return absl::InternalError(fmt::format("{} the control channel: {}", what, strerror(error)));
}

}  // namespace

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> ControlChannel::Pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return SystemError("Creating", errno);
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

absl::Status ControlChannel::WaitWritable(MonotonicTime deadline) const {
  const int64_t left_ns = (deadline - RealClock().Now()).count;
  // Rounded up: a wait of 0 ms would spin through the last millisecond.
  const int left_ms = static_cast<int>(std::max<int64_t>(left_ns, 0) / 1'000'000 + 1);
  pollfd poller{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
  if (left_ns <= 0 || poll(&poller, 1, left_ms) == 0) {
    return absl::DeadlineExceededError(
        "Sending on the control channel: the process at its other end does not read");
  }
  return absl::OkStatus();  // also after EINTR: the send is tried again and the deadline with it
}

absl::Status ControlChannel::Send(const google::protobuf::MessageLite& message,
                                  std::span<const int> fds, Nanoseconds patience) {
  std::string bytes = message.SerializeAsString();
  if (bytes.empty()) {
    return absl::InvalidArgumentError("Sending on the control channel: the message is empty");
  }
  if (bytes.size() > kMaxControlMessageBytes || fds.size() > kMaxControlFds) {
    return absl::ResourceExhaustedError(fmt::format(
        "Sending on the control channel: a message of {} bytes with {} descriptors is beyond the "
        "limit of {} bytes and {} descriptors",
        bytes.size(), fds.size(), kMaxControlMessageBytes, kMaxControlFds));
  }
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  FdBuffer control;
  if (!fds.empty()) AttachFds(fds, &control, &header);

  const MonotonicTime deadline = RealClock().Now() + patience;
  while (sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return PeerGone("Sending on");
    if (errno != EAGAIN) return SystemError("Sending on", errno);
    if (absl::Status status = WaitWritable(deadline); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ControlChannel::Receive(google::protobuf::MessageLite* message,
                                     std::vector<UniqueFd>* fds) {
  fds->clear();
  iovec part{.iov_base = receive_buffer_.data(), .iov_len = receive_buffer_.size()};
  FdBuffer control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = CMSG_SPACE(kMaxControlFds * sizeof(int));
  ssize_t size = 0;
  do {
    size = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    return errno == ECONNRESET ? PeerGone("Reading from") : SystemError("Reading from", errno);
  }
  TakeFds(&header, fds);
  if (size == 0) return PeerGone("Reading from");
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    fds->clear();
    return absl::ResourceExhaustedError(fmt::format(
        "Reading from the control channel: a packet was larger than {} bytes, or not all of its "
        "descriptors could be taken (at most {}, and see RLIMIT_NOFILE)",
        kMaxControlMessageBytes, kMaxControlFds));
  }
  if (!message->ParseFromArray(receive_buffer_.data(), static_cast<int>(size))) {
    fds->clear();
    return absl::DataLossError(
        fmt::format("Reading from the control channel: a packet of {} bytes is no {}", size,
                    message->GetTypeName()));
  }
  return absl::OkStatus();
}

void ControlChannel::Shutdown() { shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace synergy
