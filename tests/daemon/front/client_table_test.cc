// How often a caller may call, by role, and how much at a time. Who may come at all is in
// access_test.cc.
#include "daemon/front/client_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using testing::HasSubstr;
using Kind = ClientTable::Kind;

class ClientTableTest : public testing::Test {
 protected:
  absl::Status CallAs(v1::Role role, uint32_t uid = 1000) {
    Caller caller;
    caller.wire.set_uid(uid);
    caller.role = role;
    return clients_.Begin(caller, v1::ROLE_WATCH, Kind::kSingle, "GetClocks", nullptr).status();
  }
  // `count` calls of a user that last as long as the test; the first one that is refused.
  absl::Status Hold(Kind kind, uint32_t uid, size_t count, v1::Role role = v1::ROLE_RUN) {
    Caller caller;
    caller.wire.set_uid(uid);
    caller.role = role;
    for (size_t i = 0; i < count; ++i) {
      auto call = clients_.Begin(caller, v1::ROLE_WATCH, kind, "a call", nullptr);
      if (!call.ok()) return call.status();
      held_.push_back(*std::move(call));
    }
    return absl::OkStatus();
  }
  FakeClock clock_;
  ClientTable clients_{clock_};
  std::vector<std::unique_ptr<ClientTable::Call>> held_;
};

constexpr size_t kWatches = 32, kStreamsOfAWatch = 2, kJobs = 8;

// A crowd of `synergyctl watch` ended the jobs that others ran, and kept admins out.
TEST_F(ClientTableTest, ManyWatchesOfFourClientsLeaveJobsAndSingleCallsAlone) {
  for (uint32_t uid = 1; uid <= 4; ++uid) {
    ASSERT_TRUE(Hold(Kind::kStream, uid, kWatches / 4 * kStreamsOfAWatch).ok());
  }
  for (uint32_t uid = 1; uid <= kJobs; ++uid) EXPECT_TRUE(Hold(Kind::kStream, uid, 1).ok()) << uid;
  for (uint32_t uid = 1; uid <= kJobs; ++uid) EXPECT_TRUE(Hold(Kind::kSingle, uid, 2).ok()) << uid;
}

TEST_F(ClientTableTest, ManyWatchesOfOneClientLeaveItsJobsAndSingleCallsAlone) {
  ASSERT_TRUE(Hold(Kind::kStream, 1, kWatches * kStreamsOfAWatch + kJobs).ok());
  EXPECT_TRUE(Hold(Kind::kSingle, 1, kJobs).ok());
  EXPECT_TRUE(Hold(Kind::kStream, 2, 8).ok()) << "another one";
  EXPECT_TRUE(Hold(Kind::kSingle, 2, 8).ok());
}

TEST_F(ClientTableTest, WhereAllHaveTakenWhatTheyGetAnAdminStillComesIn) {
  for (const Kind kind : {Kind::kStream, Kind::kSingle}) {
    absl::Status refused;
    for (uint32_t uid = 1; uid <= 100; ++uid) refused = Hold(kind, uid, 100);
    EXPECT_THAT(refused.ToString(), HasSubstr("Too many calls at the same time"));
    EXPECT_TRUE(Hold(kind, 0, 5, v1::ROLE_ADMIN).ok());
    for (uint32_t uid = 0; uid <= 100; ++uid) refused = Hold(kind, uid, 100, v1::ROLE_ADMIN);
    EXPECT_THAT(refused.ToString(), HasSubstr("Too many calls at the same time"));
  }
  EXPECT_EQ(held_.size(), ClientTable::kMaxAllCalls);
}

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
