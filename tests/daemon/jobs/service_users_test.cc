#include "daemon/jobs/service_users.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ServiceUsers, AreTwoNumbersOfNobodyWhereTheNamesDoNotExist) {
  const auto users = ChooseServiceUsers(std::nullopt, std::nullopt);
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_NE(users->engine.uid, users->front.uid);
  EXPECT_NE(users->engine.gid, users->front.gid);
  for (const UserIds& user : {users->engine, users->front}) {
    EXPECT_GE(user.uid, 61184u);
    EXPECT_LE(user.uid, 65519u);
    EXPECT_EQ(getpwuid(user.uid), nullptr);
    EXPECT_EQ(getgrgid(user.gid), nullptr);
  }
}

TEST(ServiceUsers, ThatExistAreTaken) {
  const auto users = ChooseServiceUsers(UserIds{.uid = 5, .gid = 6}, UserIds{.uid = 7, .gid = 8});
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_EQ(users->engine.uid, 5u);
  EXPECT_EQ(users->front.gid, 8u);
}

TEST(ServiceUsers, OneUserForBothAndRootAreRefused) {
  const UserIds one{.uid = 5, .gid = 5};
  const absl::Status same = ChooseServiceUsers(one, one).status();
  EXPECT_EQ(same.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(same.ToString(), AllOf(HasSubstr("synergy-worker"), HasSubstr("useradd")));
  EXPECT_FALSE(ChooseServiceUsers(one, UserIds{.uid = 0, .gid = 0}).ok());
  EXPECT_FALSE(ChooseServiceUsers(UserIds{.uid = 0, .gid = 5}, one).ok());
  EXPECT_FALSE(ChooseServiceUsers(UserIds{.uid = 6, .gid = 0}, one).ok());
}

}  // namespace
}  // namespace synergy
