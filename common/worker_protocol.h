// Framing of the protocol between synergyd and an engine (proto/synergy/v1/worker.proto): each
// message is a 32-bit little-endian length and that many bytes of protobuf on a stream socket. Both
// sides use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "google/protobuf/message_lite.h"

namespace synergy {

inline constexpr uint32_t kWorkerProtocolVersion = 5;
inline constexpr uint32_t kOldestWorkerProtocolVersion = 1;  // that the daemon speaks too
inline constexpr size_t kMaxWorkerMessageBytes = size_t{64} << 20;

// The descriptors that an engine starts with, besides 0 (/dev/null), 1 and 2 (its log).
inline constexpr int kWorkerControlFd = 3;  // the stream socket
inline constexpr int kWorkerRingFd = 4;     // common/marker_ring.h
inline constexpr int kWorkerPredictFd = 5;
inline constexpr int kWorkerInitFd = 6;
inline constexpr int kWorkerWeightsFd = 7;  // common/tensor_pack.h
inline constexpr int kWorkerInputsFd = 8;   // likewise
inline constexpr int kWorkerOutputsFd = 9;  // likewise, a pipe to write it into
inline constexpr uint64_t kMaxOutputsBytes = uint64_t{1} << 30;

// Sends all of one message, whether the socket blocks or not. Without a deadline it waits for as
// long as the peer takes. Unavailable: the peer is gone. DeadlineExceeded: it does not read; part
// of the frame may be out, so the connection is of no more use. ResourceExhausted: the message is
// too long.
absl::Status SendFrame(int fd, const google::protobuf::MessageLite& message,
                       std::optional<MonotonicTime> deadline);

// Receives messages from one socket and keeps what came of a message between calls, so a peer that
// sends half of one delays nobody longer than the deadline. Thread-compatible.
class FrameReceiver {
 public:
  explicit FrameReceiver(int fd) : fd_(fd) {}  // borrowed

  // True: `message` holds the next one. False: the peer closed the connection between two messages.
  // DeadlineExceeded: no whole message until then (a deadline that has passed only looks); call
  // again. DataLoss: the peer is no longer to be believed (too long, no such protobuf, closed
  // within a message).
  absl::StatusOr<bool> ReceiveUntrusted(google::protobuf::MessageLite* message,
                                        std::optional<MonotonicTime> deadline);

 private:
  // Reads until `frame_` holds `size` bytes. False: end of file.
  absl::StatusOr<bool> Fill(size_t size, std::optional<MonotonicTime> deadline);

  int fd_;
  std::string frame_;  // of the present message: its length, then its bytes
};

}  // namespace synergy
