// What Connect says where there is no daemon to connect to.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "client/net/device_client.h"
#include "client/net/device_wire.h"
#include "common/unique_fd.h"
#include "fmt/format.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;

UniqueFd ListenAt(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  memcpy(name.sun_path, path.c_str(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0) << strerror(errno);
  EXPECT_EQ(listen(fd.get(), 16), 0);
  return fd;
}

// A port at which nothing listens, as long as `fd` lives: it is bound and does not listen.
uint16_t BoundPort(UniqueFd* fd) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fd->reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(fd->get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  socklen_t size = sizeof(name);
  EXPECT_EQ(getsockname(fd->get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  return ntohs(name.sin_port);
}

absl::Status ConnectTo(const std::string& host, Nanoseconds patience = Seconds(10)) {
  return DeviceClient::Connect(host, patience).status();
}

class ConnectTest : public testing::Test {
 protected:
  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/d.sock";
  const std::string host_ = "unix:" + path_;
};

TEST(FromGrpc, WhatTheTransportSaysIsSaidInOurWords) {
  for (const char* text :
       {"failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:7741: Ssl "
        "handshake "
        "failed: SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify failed",
        "Socket closed", "recvmsg:Connection reset by peer"}) {
    const absl::Status status = FromGrpc({grpc::StatusCode::UNAVAILABLE, text}, "tx1.local");
    EXPECT_EQ(status.message(), "synergyd at tx1.local: the connection cannot be made, or was cut");
  }
  EXPECT_THAT(FromGrpc({grpc::StatusCode::UNAVAILABLE, "The daemon goes down"}, "h").ToString(),
              HasSubstr("The daemon goes down"));
}

TEST_F(ConnectTest, AMissingSocketSaysHowToStartTheDaemon) {
  const absl::Status status = ConnectTo(host_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("not running"), HasSubstr(path_), HasSubstr("synergyd")));
}

TEST_F(ConnectTest, ASocketThatADeadDaemonLeftSaysSo) {
  ListenAt(path_).reset();
  const absl::Status status = ConnectTo(host_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("left behind"));
}

TEST_F(ConnectTest, AFileThatIsNoSocketSaysSo) {
  std::ofstream(path_) << "text";
  EXPECT_EQ(ConnectTo(host_).code(), absl::StatusCode::kUnavailable);
}

// Root may do everything; file system checks are made as somebody else, in this thread alone.
absl::Status ConnectAsSomebodyElse(const std::string& host) {
  absl::Status status;
  std::thread([&] {
    setfsuid(65534);
    status = ConnectTo(host);
  }).join();
  return status;
}

TEST_F(ConnectTest, ASocketOfOthersSaysWhoseItIs) {
  const UniqueFd listener = ListenAt(path_);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0000), 0);
  const absl::Status status = ConnectAsSomebodyElse(host_);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("Permission denied"), HasSubstr("belongs to user"),
                                       HasSubstr("mode 0000"), HasSubstr("sudo")));
}

TEST_F(ConnectTest, ASocketOfAGroupSaysHowToJoinIt) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  const UniqueFd listener = ListenAt(path_);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(chown(path_.c_str(), 0, 1), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0660), 0);
  EXPECT_THAT(ConnectAsSomebodyElse(host_).ToString(), HasSubstr("usermod -aG daemon"));
}

TEST_F(ConnectTest, APortAtWhichNothingListensIsRefused) {
  UniqueFd bound;
  const uint16_t port = BoundPort(&bound);
  const absl::Status status = ConnectTo(fmt::format("127.0.0.1:{}", port));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("refused"), HasSubstr(fmt::format("--listen 127.0.0.1:{}", port))));
}

TEST_F(ConnectTest, ANameThatDoesNotResolveIsNamed) {
  const absl::Status status = ConnectTo("no-such-board.invalid");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("no-such-board.invalid"), HasSubstr("resolve")));
}

TEST_F(ConnectTest, AHostOfNoFormIsInvalid) {
  EXPECT_EQ(ConnectTo("/run/x.sock").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ConnectTest, AListenerThatNeverAnswersIsGivenUpInTime) {
  const UniqueFd listener = ListenAt(path_);
  const absl::Status status = ConnectTo(host_, Milliseconds(300));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("did not answer in time"));
}

// Connections that wait to be accepted.
int WaitingAt(const UniqueFd& listener) {
  fcntl(listener.get(), F_SETFL, O_NONBLOCK);
  int count = 0;
  while (UniqueFd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)).ok()) ++count;
  return count;
}

// The first connection is the check's own, the others are gRPC's, which was given the right
// address.
TEST_F(ConnectTest, GrpcIsLedToTheSameSocketWhateverItsPath) {
  const std::string odd = folder_.path() + "/a b%20ü?#d.sock";
  const UniqueFd listener = ListenAt(odd);
  EXPECT_EQ(ConnectTo("unix:" + odd, Milliseconds(300)).code(), absl::StatusCode::kUnavailable);
  EXPECT_GE(WaitingAt(listener), 2);
}

TEST_F(ConnectTest, ASilentListenerAtAnIpv6AddressIsReachedAndIsNoSynergyd) {
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_addr = in6addr_loopback;
  socklen_t size = sizeof(name);
  const UniqueFd listener(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&name), size) != 0) {
    GTEST_SKIP() << "this machine has no IPv6";
  }
  ASSERT_EQ(listen(listener.get(), 16), 0);
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  const std::string host = fmt::format("[::1]:{}", ntohs(name.sin6_port));
  EXPECT_EQ(ConnectTo(host, Milliseconds(300)).code(), absl::StatusCode::kUnavailable);
  EXPECT_GE(WaitingAt(listener), 1);
}

}  // namespace
}  // namespace synergy
