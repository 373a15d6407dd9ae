// How often a caller may call, by role. Who may come at all is in access_test.cc.
#include "daemon/front/client_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using testing::HasSubstr;

class ClientTableTest : public testing::Test {
 protected:
  absl::Status CallAs(v1::Role role, uint32_t uid = 1000) {
    Caller caller;
    caller.wire.set_uid(uid);
    caller.role = role;
    return clients_.Begin(caller, v1::ROLE_WATCH, "GetClocks", nullptr).status();
  }
  FakeClock clock_;
  ClientTable clients_{clock_};
};

TEST_F(ClientTableTest, TheRoleWatchMayNotCallWithoutEnd) {
  int served = 0;
  absl::Status refused;
  for (int i = 0; i < 800; ++i) {  // in a second, which took half a core of a board
    const absl::Status status = CallAs(v1::ROLE_WATCH);
    if (status.ok()) ++served;
    if (!status.ok()) refused = status;
    clock_.Advance(Seconds(1.0 / 800));
  }
  EXPECT_LE(served, 150);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.ToString(), HasSubstr("Too many calls: the role watch may make 50 a second"));
  EXPECT_TRUE(CallAs(v1::ROLE_WATCH, 1001).ok()) << "each caller by himself";
  for (int i = 0; i < 800; ++i) EXPECT_TRUE(CallAs(v1::ROLE_RUN).ok()) << "those who measure";
}

// As synergyctl watch asks, whatever the frames that it shows: when it begins, and each second.
TEST_F(ClientTableTest, SixteenViewsOfOneClientAreNeverRefused) {
  for (int second = 0; second < 100; ++second) {
    for (int call = 0; call < 16 * (second == 0 ? 6 : 3); ++call) {
      EXPECT_TRUE(CallAs(v1::ROLE_WATCH).ok()) << second;
    }
    clock_.Advance(Seconds(1));
  }
}

TEST_F(ClientTableTest, OfWhoCallsWithoutEndSomeRefusalsAreTold) {
  Caller caller;
  int told = 0;
  for (int i = 0; i < 1000; ++i) told += clients_.IsWorthTelling(caller) ? 1 : 0;
  EXPECT_EQ(told, 10);
}

}  // namespace
}  // namespace synergy
