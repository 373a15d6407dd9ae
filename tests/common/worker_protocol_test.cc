#include "common/worker_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "common/unique_fd.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {
namespace {

using absl::StatusCode;

class WorkerProtocol : public testing::Test {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    a_ = UniqueFd(fds[0]);
    b_ = UniqueFd(fds[1]);
  }

  void SendBytes(std::string_view bytes) {
    ASSERT_EQ(send(a_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  static MonotonicTime Past() { return {0}; }
  static MonotonicTime In(Nanoseconds span) { return RealClock().Now() + span; }

  static v1::WorkerEvent FailedEvent(const std::string& text) {
    v1::WorkerEvent event;
    event.mutable_failed()->set_text(text);
    return event;
  }

  UniqueFd a_;
  UniqueFd b_;
};

TEST_F(WorkerProtocol, CarriesMessagesInOrder) {
  ASSERT_TRUE(SendFrame(a_.get(), FailedEvent("one"), std::nullopt).ok());
  ASSERT_TRUE(SendFrame(a_.get(), v1::WorkerEvent(), std::nullopt).ok());
  ASSERT_TRUE(SendFrame(a_.get(), FailedEvent("two"), std::nullopt).ok());
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  EXPECT_TRUE(*receiver.ReceiveUntrusted(&event, Past()));
  EXPECT_EQ(event.failed().text(), "one");
  EXPECT_TRUE(*receiver.ReceiveUntrusted(&event, Past()));
  EXPECT_EQ(event.event_case(), v1::WorkerEvent::EVENT_NOT_SET) << "an empty message is one too";
  EXPECT_TRUE(*receiver.ReceiveUntrusted(&event, Past()));
  EXPECT_EQ(event.failed().text(), "two");
}

TEST_F(WorkerProtocol, LengthIsLittleEndian) {
  ASSERT_TRUE(SendFrame(a_.get(), FailedEvent(std::string(300, 'x')), std::nullopt).ok());
  unsigned char length[4];
  ASSERT_EQ(recv(b_.get(), length, 4, 0), 4);
  const size_t size = FailedEvent(std::string(300, 'x')).ByteSizeLong();
  EXPECT_EQ(length[0], size & 0xFF);
  EXPECT_EQ(length[1], size >> 8);
  EXPECT_EQ(length[2], 0);
  EXPECT_EQ(length[3], 0);
}

TEST_F(WorkerProtocol, EndBetweenMessagesIsFalse) {
  a_.reset();
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  const absl::StatusOr<bool> received = receiver.ReceiveUntrusted(&event, std::nullopt);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_FALSE(*received);
}

TEST_F(WorkerProtocol, EndWithinAMessageIsDataLoss) {
  SendBytes(std::string("\x05\x00\x00\x00xy", 6));
  a_.reset();
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  EXPECT_EQ(receiver.ReceiveUntrusted(&event, std::nullopt).status().code(), StatusCode::kDataLoss);
}

TEST_F(WorkerProtocol, EndWithinALengthIsDataLoss) {
  SendBytes("\x05");
  a_.reset();
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  EXPECT_EQ(receiver.ReceiveUntrusted(&event, std::nullopt).status().code(), StatusCode::kDataLoss);
}

TEST_F(WorkerProtocol, HalfAMessageIsKeptBetweenCalls) {
  std::string bytes = FailedEvent("late").SerializeAsString();
  bytes.insert(0, std::string{static_cast<char>(bytes.size()), 0, 0, 0});
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    SendBytes(bytes.substr(i, 1));
    EXPECT_EQ(receiver.ReceiveUntrusted(&event, Past()).status().code(),
              StatusCode::kDeadlineExceeded);
  }
  SendBytes(bytes.substr(bytes.size() - 1));
  EXPECT_TRUE(*receiver.ReceiveUntrusted(&event, Past()));
  EXPECT_EQ(event.failed().text(), "late");
}

TEST_F(WorkerProtocol, DeadlineEndsTheWaitForASilentPeer) {
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  const MonotonicTime deadline = In(Milliseconds(20));
  EXPECT_EQ(receiver.ReceiveUntrusted(&event, deadline).status().code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_GE(RealClock().Now(), deadline);
}

TEST_F(WorkerProtocol, AnnouncedLengthBeyondTheLimitIsDataLossAtOnce) {
  SendBytes(std::string("\x01\x00\x00\x04", 4));  // 64 MiB + 1
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  EXPECT_EQ(receiver.ReceiveUntrusted(&event, std::nullopt).status().code(), StatusCode::kDataLoss);
}

TEST_F(WorkerProtocol, BytesThatAreNoProtobufAreDataLoss) {
  SendBytes(std::string("\x03\x00\x00\x00\xFF\xFF\xFF", 7));
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  EXPECT_EQ(receiver.ReceiveUntrusted(&event, std::nullopt).status().code(), StatusCode::kDataLoss);
}

TEST_F(WorkerProtocol, SendingToAPeerThatIsGoneIsUnavailableWithoutASignal) {
  b_.reset();
  EXPECT_EQ(SendFrame(a_.get(), FailedEvent("x"), std::nullopt).code(), StatusCode::kUnavailable);
}

TEST_F(WorkerProtocol, SendingToAPeerThatDoesNotReadEndsAtTheDeadline) {
  EXPECT_EQ(
      SendFrame(a_.get(), FailedEvent(std::string(8u << 20, 'x')), In(Milliseconds(20))).code(),
      StatusCode::kDeadlineExceeded);
}

TEST_F(WorkerProtocol, RefusesToSendAMessageBeyondTheLimit) {
  EXPECT_EQ(
      SendFrame(a_.get(), FailedEvent(std::string(kMaxWorkerMessageBytes, 'x')), Past()).code(),
      StatusCode::kResourceExhausted);
}

TEST_F(WorkerProtocol, CarriesAMessageLargerThanTheSocketsBuffer) {
  const std::string text(20u << 20, 'y');
  std::thread sender([&] {
    EXPECT_TRUE(SendFrame(a_.get(), FailedEvent(text), std::nullopt).ok());
    EXPECT_TRUE(SendFrame(a_.get(), FailedEvent("after"), std::nullopt).ok());
  });
  FrameReceiver receiver(b_.get());
  v1::WorkerEvent event;
  EXPECT_TRUE(*receiver.ReceiveUntrusted(&event, std::nullopt));
  EXPECT_TRUE(event.failed().text() == text);
  EXPECT_TRUE(*receiver.ReceiveUntrusted(&event, std::nullopt));
  EXPECT_EQ(event.failed().text(), "after");
  sender.join();
}

}  // namespace
}  // namespace synergy
