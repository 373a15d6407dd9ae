// One end of the SOCK_SEQPACKET pair between synergyd (root) and synergyd-front: a protobuf message
// a packet (proto/synergy/v1/control.proto), descriptors beside it by SCM_RIGHTS.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "google/protobuf/message_lite.h"

namespace synergy {

// Limits of one packet; a packet beyond them is an error at either end.
inline constexpr size_t kMaxControlMessageBytes = 64u << 10;
inline constexpr size_t kMaxControlFds = 16;

// Send may be called from any thread, Receive from one other. After ResourceExhausted or DataLoss
// of Receive the next packet can still be read, but the peer is broken or hostile: end the
// connection.
class ControlChannel {
 public:
  explicit ControlChannel(UniqueFd socket) : socket_(std::move(socket)) {}

  // A connected pair with close-on-exec set.
  static absl::StatusOr<std::pair<UniqueFd, UniqueFd>> Pair();

  // Sends `message` with copies of `fds`; a packet goes out whole or not at all. Waits up to
  // `patience` for a peer that does not read: DeadlineExceeded. Unavailable: the peer is gone.
  // ResourceExhausted: beyond the limits. InvalidArgument: an empty message, which the peer could
  // not tell from the end.
  absl::Status Send(const google::protobuf::MessageLite& message, std::span<const int> fds = {},
                    Nanoseconds patience = Seconds(5));

  // Waits for the next packet. Replaces `message` and `fds`; the descriptors have close-on-exec
  // set. Unavailable: the peer is gone, or Shutdown was called. ResourceExhausted: the packet was
  // larger than the limits, or had descriptors that got lost. DataLoss: its bytes are no such
  // message.
  absl::Status Receive(google::protobuf::MessageLite* message, std::vector<UniqueFd>* fds);

  // Ends both directions, so that a Receive under way returns. From any thread, any number of
  // times.
  void Shutdown();

  int fd() const { return socket_.get(); }

 private:
  absl::Status WaitWritable(MonotonicTime deadline) const;

  const UniqueFd socket_;
  std::string receive_buffer_ = std::string(kMaxControlMessageBytes, '\0');
};

}  // namespace synergy
