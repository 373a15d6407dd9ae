#include "common/worker_protocol.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kLengthBytes = 4;
// Memory follows the bytes that came, not the length that was announced.
constexpr size_t kReadStep = size_t{64} << 10;

absl::Status SocketError(const char* what, int error) {
  const std::string text = fmt::format("{} on the engine's socket: {}", what, std::strerror(error));
  return error == EPIPE || error == ECONNRESET ? absl::UnavailableError(text + "; the peer is gone")
                                               : absl::InternalError(text);
}

// Waits for `events`; OK when a read or write is worth trying.
absl::Status Wait(int fd, short events, std::optional<MonotonicTime> deadline) {
  for (;;) {
    int timeout_ms = -1;
    if (deadline.has_value()) {
      const int64_t left_ns = std::max<int64_t>(0, (*deadline - RealClock().Now()).count);
      timeout_ms = static_cast<int>(std::min<int64_t>((left_ns + 999'999) / 1'000'000, 1 << 30));
    }
    pollfd poll_fd{.fd = fd, .events = events, .revents = 0};
    const int ready = poll(&poll_fd, 1, timeout_ms);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return SocketError("poll", errno);
    if (deadline.has_value() && RealClock().Now() >= *deadline) {
      return absl::DeadlineExceededError(
          events == POLLIN ? "no whole message of the peer until the deadline"
                           : "the peer read too little of a message until the deadline");
    }
  }
}

std::array<char, kLengthBytes> EncodeLength(size_t size) {
  std::array<char, kLengthBytes> bytes{};
  for (size_t i = 0; i < kLengthBytes; ++i) bytes[i] = static_cast<char>((size >> (8 * i)) & 0xFF);
  return bytes;
}

size_t DecodeLength(const std::string& bytes) {
  size_t size = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    size |= size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return size;
}

}  // namespace

absl::Status SendFrame(int fd, const google::protobuf::MessageLite& message,
                       std::optional<MonotonicTime> deadline) {
  const size_t size = message.ByteSizeLong();
  if (size > kMaxWorkerMessageBytes) {
    return absl::ResourceExhaustedError(
        fmt::format("a {} of {} bytes is longer than the {} bytes that an engine's socket carries",
                    message.GetTypeName(), size, kMaxWorkerMessageBytes));
  }
  const std::array<char, kLengthBytes> length = EncodeLength(size);
  std::string frame(length.begin(), length.end());
  if (!message.AppendToString(&frame)) {
    return absl::InvalidArgumentError(
        fmt::format("a {} cannot be serialized", message.GetTypeName()));
  }
  for (size_t sent = 0; sent < frame.size();) {
    const ssize_t n =
        send(fd, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (absl::Status s = Wait(fd, POLLOUT, deadline); !s.ok()) return s;
    } else if (errno != EINTR) {
      return SocketError("send", errno);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FrameReceiver::Fill(size_t size, std::optional<MonotonicTime> deadline) {
  while (frame_.size() < size) {
    const size_t old_size = frame_.size();
    const size_t step = std::min(size - old_size, kReadStep);
    frame_.resize(old_size + step);
    const ssize_t n = recv(fd_, frame_.data() + old_size, step, MSG_DONTWAIT);
    const int error = errno;
    frame_.resize(old_size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return false;
    if (n > 0 || error == EINTR) continue;
    if (error == ECONNRESET) return false;  // closed with bytes of ours unread
    if (error != EAGAIN && error != EWOULDBLOCK) return SocketError("recv", error);
    if (absl::Status s = Wait(fd_, POLLIN, deadline); !s.ok()) return s;
  }
  return true;
}

absl::StatusOr<bool> FrameReceiver::ReceiveUntrusted(google::protobuf::MessageLite* message,
                                                     std::optional<MonotonicTime> deadline) {
  absl::StatusOr<bool> filled = Fill(kLengthBytes, deadline);
  size_t size = 0;
  if (filled.ok() && *filled) {
    size = DecodeLength(frame_);
    if (size > kMaxWorkerMessageBytes) {
      return absl::DataLossError(
          fmt::format("the peer announced a message of {} bytes; at most {} are allowed", size,
                      kMaxWorkerMessageBytes));
    }
    filled = Fill(kLengthBytes + size, deadline);
  }
  if (!filled.ok()) return filled.status();
  if (!*filled && frame_.empty()) return false;
  if (!*filled) {
    return absl::DataLossError(fmt::format(
        "the peer closed the connection within a message, after {} bytes", frame_.size()));
  }
  const bool parsed = message->ParseFromArray(frame_.data() + kLengthBytes, static_cast<int>(size));
  frame_.clear();
  if (parsed) return true;
  return absl::DataLossError(
      fmt::format("the peer sent {} bytes that are no {}", size, message->GetTypeName()));
}

}  // namespace synergy
