// How many connections one place may have open.
#include "daemon/front/connection_count.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "fmt/format.h"

namespace synergy {
namespace {

class ConnectionCountTest : public testing::Test {
 protected:
  ConnectionCountTest() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    name_.sin_family = AF_INET;
    name_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name_);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&name_), size), 0);
    EXPECT_EQ(listen(listener_.get(), 4), 0);
    EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&name_), &size), 0);
  }
  // Its client has gone already, which changes nothing: the descriptor is open.
  UniqueFd Accepted(const char* from) {
    const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in own{};
    own.sin_family = AF_INET;
    inet_pton(AF_INET, from, &own.sin_addr);
    EXPECT_EQ(bind(client.get(), reinterpret_cast<sockaddr*>(&own), sizeof(own)), 0);
    EXPECT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&name_), sizeof(name_)), 0);
    return UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  sockaddr_in name_{};
  const UniqueFd listener_;
};

TEST_F(ConnectionCountTest, OnePlaceUsesUpItsOwnConnectionsAlone) {
  ConnectionCount count;
  std::vector<UniqueFd> open;
  for (size_t i = 0; i < ConnectionCount::kMaxFromOnePlace; ++i) {
    open.push_back(Accepted("127.0.0.1"));
    ASSERT_TRUE(count.Admit(open.back().get())) << i;
  }
  const UniqueFd more = Accepted("127.0.0.1"), other = Accepted("127.0.0.2");
  EXPECT_FALSE(count.Admit(more.get()));
  EXPECT_TRUE(count.Admit(other.get()));
  open.pop_back();
  EXPECT_TRUE(count.Admit(more.get())) << "one was closed";
}

TEST_F(ConnectionCountTest, AllPlacesTogetherHaveALimit) {
  ConnectionCount count;
  std::vector<UniqueFd> open;
  for (size_t i = 0; i < ConnectionCount::kMaxConnections; ++i) {
    open.push_back(Accepted(fmt::format("127.0.{}.{}", 1 + i / 200, 1 + i % 200).c_str()));
    ASSERT_TRUE(count.Admit(open.back().get())) << i;
  }
  const UniqueFd more = Accepted("127.0.9.1");
  EXPECT_FALSE(count.Admit(more.get()));
}

TEST_F(ConnectionCountTest, SomePlacesThatTakeAllTheyCanLeaveRoomForAnother) {
  ConnectionCount count;
  std::vector<UniqueFd> open;
  for (int place = 1; place <= 8; ++place) {
    const std::string from = fmt::format("127.0.0.{}", place);
    UniqueFd next = Accepted(from.c_str());
    ASSERT_TRUE(count.Admit(next.get())) << place;
    do {
      open.push_back(std::move(next));
      next = Accepted(from.c_str());
    } while (count.Admit(next.get()));
  }
  EXPECT_LT(open.size(), ConnectionCount::kMaxConnections);
}

}  // namespace
}  // namespace synergy
