// Connections that came to nothing are told of, and those by which a call came are not.
#include "daemon/front/strangers.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "fmt/format.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// An accepted connection over the loopback device.
struct Connection {
  explicit Connection(int family = AF_INET) {
    const UniqueFd listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 name{};
    name.sin6_family = static_cast<sa_family_t>(family);
    if (family == AF_INET6) name.sin6_addr = in6addr_loopback;
    socklen_t size = sizeof(name);
    auto* address = reinterpret_cast<sockaddr*>(&name);
    there = bind(listener.get(), address, size) == 0;
    listen(listener.get(), 1);
    getsockname(listener.get(), address, &size);
    client.reset(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    connect(client.get(), address, size);
    board.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  bool there = false;  // false: the machine has no such network
  UniqueFd client, board;
};

class StrangersTest : public testing::Test {
 protected:
  FakeClock clock_;
  std::vector<std::string> told_;
  Strangers strangers_{[this](const std::string& from, const std::string& why) {
                         told_.push_back(from + ": " + why.substr(0, why.find(',')));
                       },
                       clock_};
};

TEST_F(StrangersTest, AConnectionThatEndsWithoutACallIsToldOfOnce) {
  Connection one;
  strangers_.Serve(one.board.get());
  EXPECT_TRUE(strangers_.Look()) << "it is there";
  EXPECT_THAT(told_, IsEmpty());
  one.board.reset();
  EXPECT_FALSE(strangers_.Look());
  EXPECT_FALSE(strangers_.Look());
  EXPECT_THAT(told_, ElementsAre("127.0.0.1: TLS failed"));
}

TEST_F(StrangersTest, AnotherConnectionOfTheSameDescriptorIsAnotherOne) {
  auto one = std::make_unique<Connection>();
  const int fd = one->board.get();
  strangers_.Serve(fd);
  Connection other;
  one.reset();
  ASSERT_EQ(dup2(other.board.get(), fd), fd);
  const UniqueFd again(fd);
  EXPECT_FALSE(strangers_.Look());
  EXPECT_THAT(told_, SizeIs(1));
}

TEST_F(StrangersTest, AConnectionByWhichACallCameIsNoStrangers) {
  for (const int family : {AF_INET, AF_INET6}) {
    Connection known(family), stranger(family);
    if (!known.there) continue;
    for (Connection* one : {&known, &stranger}) strangers_.Serve(one->board.get());
    const SocketPeer peer = PeerOf(known.board.get());
    strangers_.Called(family == AF_INET ? fmt::format("ipv4:{}:{}", peer.address, peer.port)
                                        : fmt::format("ipv6:%5B{}%5D:{}", peer.address, peer.port));
    for (Connection* one : {&known, &stranger}) one->board.reset();
    EXPECT_FALSE(strangers_.Look());
    EXPECT_THAT(told_, SizeIs(1)) << "of the other one";
    told_.clear();
  }
}

TEST_F(StrangersTest, WhatGrpcCallsAPeerIsUnderstood) {
  Connection one(AF_INET6);
  if (!one.there) GTEST_SKIP() << "no IPv6 here";
  const std::string port = PeerOf(one.board.get()).port;
  for (const char* address : {"[::1]", "%5B::1%5D", "%5B::1%251%5D"}) {
    strangers_.Serve(one.board.get());
    strangers_.Called(fmt::format("ipv6:{}:{}", address, port));
    EXPECT_FALSE(strangers_.Look()) << address;
  }
  for (const char* garbage : {"", "unix:", "ipv4", ":", "ipv6:%5B"}) {
    strangers_.Serve(one.board.get());
    strangers_.Called(garbage);
    EXPECT_TRUE(strangers_.Look()) << garbage;
  }
}

TEST_F(StrangersTest, SoManyInASecondAreToldOf) {
  Connection one;
  for (int i = 0; i < 3 * Strangers::kMaxASecond; ++i)
    strangers_.Refuse(one.board.get(), "garbage");
  EXPECT_THAT(told_, SizeIs(Strangers::kMaxASecond));
  clock_.Advance(Seconds(1));
  strangers_.Refuse(one.board.get(), "garbage");
  EXPECT_THAT(told_, SizeIs(Strangers::kMaxASecond + 1));
  EXPECT_EQ(told_.back(), "127.0.0.1: garbage");
}

}  // namespace
}  // namespace synergy
