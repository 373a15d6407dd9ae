#include "daemon/control/control_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

#include "synergy/v1/control.pb.h"

namespace synergy {
namespace {

size_t OpenDescriptors() {
  size_t count = 0;
  for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) != -1 ? 1 : 0;
  return count;
}

UniqueFd FileWith(const std::string& content) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(pwrite(fd.get(), content.data(), content.size(), 0),
            static_cast<ssize_t>(content.size()));
  return fd;
}

std::string ContentOf(int fd) {
  char bytes[64] = {};
  const ssize_t size = pread(fd, bytes, sizeof(bytes), 0);
  return size < 0 ? "" : std::string(bytes, static_cast<size_t>(size));
}

v1::ControlRequest CancelOf(std::string run_id) {
  v1::ControlRequest request;
  request.set_id(7);
  request.mutable_cancel()->set_run_id(std::move(run_id));
  return request;
}

class ControlChannelTest : public testing::Test {
 protected:
  ControlChannelTest() {
    auto pair = ControlChannel::Pair();
    EXPECT_TRUE(pair.ok()) << pair.status();
    front_.emplace(std::move(pair->first));
    root_.emplace(std::move(pair->second));
  }

  absl::Status Receive() { return root_->Receive(&request_, &fds_); }

  std::optional<ControlChannel> front_;
  std::optional<ControlChannel> root_;
  v1::ControlRequest request_;
  std::vector<UniqueFd> fds_;
};

TEST_F(ControlChannelTest, CarriesAMessageAndItsDescriptors) {
  const UniqueFd predict = FileWith("predict"), init = FileWith("init");
  const int fds[] = {predict.get(), init.get()};
  ASSERT_TRUE(front_->Send(CancelOf("r1"), fds).ok());
  ASSERT_TRUE(Receive().ok());
  EXPECT_EQ(request_.cancel().run_id(), "r1");
  ASSERT_EQ(fds_.size(), 2u);
  EXPECT_EQ(ContentOf(fds_[0].get()), "predict");
  EXPECT_EQ(ContentOf(fds_[1].get()), "init");
  EXPECT_NE(fcntl(fds_[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ControlChannelTest, KeepsMessagesApartAndInOrder) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(front_->Send(CancelOf(id)).ok());
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(Receive().ok());
    EXPECT_EQ(request_.cancel().run_id(), id);
    EXPECT_TRUE(fds_.empty());
  }
}

TEST_F(ControlChannelTest, ReceiveReplacesWhatTheLastMessageLeft) {
  const UniqueFd file = FileWith("x");
  const int fds[] = {file.get()};
  ASSERT_TRUE(front_->Send(CancelOf("a"), fds).ok());
  v1::ControlRequest other;
  other.set_id(8);
  ASSERT_TRUE(front_->Send(other).ok());
  ASSERT_TRUE(Receive().ok());
  ASSERT_TRUE(Receive().ok());
  EXPECT_EQ(request_.id(), 8u);
  EXPECT_FALSE(request_.has_cancel());
  EXPECT_TRUE(fds_.empty());
}

TEST_F(ControlChannelTest, ThePeersEndIsUnavailable) {
  ASSERT_TRUE(front_->Send(CancelOf("last")).ok());
  front_.reset();
  ASSERT_TRUE(Receive().ok());  // what was sent before the end still arrives
  EXPECT_EQ(Receive().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(root_->Send(CancelOf("x")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ControlChannelTest, ShutdownWakesAReceiveUnderWay) {
  std::jthread stopper([this] { root_->Shutdown(); });
  EXPECT_EQ(Receive().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ControlChannelTest, SendsTheLargestMessageAndRefusesALargerOne) {
  v1::ControlRequest request = CancelOf(std::string(kMaxControlMessageBytes, 'x'));
  EXPECT_EQ(front_->Send(request).code(), absl::StatusCode::kResourceExhausted);
  const size_t overhead = request.ByteSizeLong() - kMaxControlMessageBytes;
  request.mutable_cancel()->mutable_run_id()->resize(kMaxControlMessageBytes - overhead);
  ASSERT_EQ(request.ByteSizeLong(), kMaxControlMessageBytes);
  ASSERT_TRUE(front_->Send(request).ok());
  ASSERT_TRUE(Receive().ok());
  EXPECT_EQ(request_.SerializeAsString(), request.SerializeAsString());
}

TEST_F(ControlChannelTest, RefusesAPacketLargerThanTheLimit) {
  const std::string packet(kMaxControlMessageBytes + 1, '\0');
  ASSERT_EQ(send(front_->fd(), packet.data(), packet.size(), 0),
            static_cast<ssize_t>(packet.size()));
  EXPECT_EQ(Receive().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ControlChannelTest, RefusesAnEmptyMessage) {
  EXPECT_EQ(front_->Send(v1::ControlRequest()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ControlChannelTest, SendsAsManyDescriptorsAsTheLimitAndNoMore) {
  const UniqueFd file = FileWith("x");
  std::vector<int> fds(kMaxControlFds, file.get());
  ASSERT_TRUE(front_->Send(CancelOf("a"), fds).ok());
  ASSERT_TRUE(Receive().ok());
  EXPECT_EQ(fds_.size(), kMaxControlFds);
  fds.push_back(file.get());
  EXPECT_EQ(front_->Send(CancelOf("a"), fds).code(), absl::StatusCode::kResourceExhausted);
}

// A hostile front does not use our Send.
void SendRaw(int socket, std::string bytes, std::span<const int> fds) {
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  std::vector<char> control(CMSG_SPACE(fds.size_bytes()));
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_RIGHTS;
  message->cmsg_len = CMSG_LEN(fds.size_bytes());
  memcpy(CMSG_DATA(message), fds.data(), fds.size_bytes());
  ASSERT_EQ(sendmsg(socket, &header, 0), static_cast<ssize_t>(bytes.size()));
}

TEST_F(ControlChannelTest, RefusesMoreDescriptorsThanTheLimitAndLeaksNone) {
  const UniqueFd file = FileWith("x");
  const std::vector<int> fds(kMaxControlFds + 1, file.get());
  const size_t before = OpenDescriptors();
  SendRaw(front_->fd(), CancelOf("a").SerializeAsString(), fds);
  EXPECT_EQ(Receive().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(ControlChannelTest, GarbageIsDataLossAndItsDescriptorsAreClosed) {
  const UniqueFd file = FileWith("x");
  const int fds[] = {file.get()};
  const size_t before = OpenDescriptors();
  SendRaw(front_->fd(), "\xff\xff\xff garbage", fds);
  EXPECT_EQ(Receive().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenDescriptors(), before);
  ASSERT_TRUE(
      front_->Send(CancelOf("next")).ok());  // the packet's end is known: the next one is whole
  ASSERT_TRUE(Receive().ok());
  EXPECT_EQ(request_.cancel().run_id(), "next");
}

TEST_F(ControlChannelTest, APeerThatDoesNotReadMakesSendGiveUpInTime) {
  const v1::ControlRequest request = CancelOf(std::string(32 << 10, 'x'));
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = front_->Send(request, {}, Milliseconds(20));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(Receive().ok());  // whole packets only, also after a send that gave up
  EXPECT_EQ(request_.SerializeAsString(), request.SerializeAsString());
}

TEST(UniqueFd, ClosesWhatItOwnsAndKeepsErrno) {
  const size_t before = OpenDescriptors();
  {
    UniqueFd a = FileWith("a");
    UniqueFd b = std::move(a);
    EXPECT_FALSE(a.ok());
    EXPECT_TRUE(b.ok());
    b = FileWith("b");
    EXPECT_EQ(OpenDescriptors(), before + 1);
    errno = EXDEV;
    b.reset();
    EXPECT_EQ(errno, EXDEV);
    EXPECT_EQ(OpenDescriptors(), before);
    UniqueFd c = FileWith("c");
    close(c.release());
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

}  // namespace
}  // namespace synergy
