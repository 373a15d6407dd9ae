#include "daemon/front/unix_peer.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "common/unique_fd.h"

namespace {

constexpr int kPeerGroups = 59;  // SO_PEERGROUPS

int g_peer_groups_error = 0;  // what asking for a process's groups ends with; 0: works
std::vector<std::string>* g_members = nullptr;  // of a group `synergy`; null: there is none
constexpr gid_t kSynergy = 54321;

}  // namespace

// In place of the C library's: the kernel of the test need not be an old one, nor the machine have
// the group.
extern "C" int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  if (level == SOL_SOCKET && name == kPeerGroups && g_peer_groups_error != 0) {
    errno = g_peer_groups_error;
    return -1;
  }
  return static_cast<int>(syscall(SYS_getsockopt, fd, level, name, value, size));
}

extern "C" int getgrnam_r(const char*, group* entry, char*, size_t, group** found) {
  static std::vector<char*> members;
  *found = nullptr;
  if (g_members == nullptr) return 0;
  members.clear();
  for (std::string& member : *g_members) members.push_back(member.data());
  members.push_back(nullptr);
  entry->gr_gid = kSynergy;
  entry->gr_mem = members.data();
  *found = entry;
  return 0;
}

namespace synergy {
namespace {

// Of both ends of a pair that this process makes.
v1::Role OwnRole(uid_t owner) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return v1::ROLE_UNSPECIFIED;
  const UniqueFd one(ends[0]), other(ends[1]);
  const absl::StatusOr<Caller> caller = UnixPeer(one.get(), owner);
  if (!caller.ok() || caller->wire.unix_role() != caller->role) return v1::ROLE_UNSPECIFIED;
  return caller->role;
}

constexpr uid_t kNobody = 65534;

// The same in a process of a user who is nobody and in no group but these.
v1::Role RoleOfNobody(uid_t owner, gid_t own_group = kNobody, const std::vector<gid_t>& groups = {},
                      uid_t user = kNobody) {
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgroups(groups.size(), groups.data()) != 0 || setgid(own_group) != 0 ||
                           setuid(user) != 0)) {
      _exit(99);
    }
    _exit(static_cast<int>(OwnRole(owner == 0 ? 0 : geteuid())));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return static_cast<v1::Role>(WEXITSTATUS(status));
}

TEST(UnixPeer, WhoRunsTheDaemonIsAdmin) {
  EXPECT_EQ(OwnRole(geteuid()), v1::ROLE_ADMIN);
  EXPECT_EQ(RoleOfNobody(1), v1::ROLE_ADMIN) << "of a daemon of its own";
}

TEST(UnixPeer, AnybodyElseMayWatch) { EXPECT_EQ(RoleOfNobody(0), v1::ROLE_WATCH); }

class GroupTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
    g_members = &members_;
  }
  void TearDown() override {
    g_members = nullptr;
    g_peer_groups_error = 0;
  }
  std::vector<std::string> members_ = {"somebody"};
};

TEST_F(GroupTest, AProcessOfTheGroupMayRun) {
  EXPECT_EQ(RoleOfNobody(0, kNobody, {7, kSynergy}), v1::ROLE_RUN);
  EXPECT_EQ(RoleOfNobody(0, kSynergy), v1::ROLE_RUN);
  EXPECT_EQ(RoleOfNobody(0, kNobody, {7}), v1::ROLE_WATCH);
  members_.push_back("nobody");
  EXPECT_EQ(RoleOfNobody(0), v1::ROLE_WATCH) << "the process is what counts, where it can be asked";
}

TEST_F(GroupTest, WhereTheKernelDoesNotKnowAProcessesGroupsThoseOfItsUserCount) {
  g_peer_groups_error = ENOPROTOOPT;
  EXPECT_EQ(RoleOfNobody(0, kNobody, {kSynergy}), v1::ROLE_WATCH) << "that it cannot see";
  EXPECT_EQ(RoleOfNobody(0, kSynergy), v1::ROLE_RUN) << "the first group it can see";
  members_.push_back("nobody");
  EXPECT_EQ(RoleOfNobody(0), v1::ROLE_RUN);
  EXPECT_EQ(RoleOfNobody(0, kNobody, {}, 54321), v1::ROLE_WATCH) << "a user without a name";
}

TEST_F(GroupTest, AnyOtherErrorMakesNobodyAMember) {
  members_.push_back("nobody");
  g_peer_groups_error = ERANGE;
  EXPECT_EQ(RoleOfNobody(0), v1::ROLE_WATCH);
}

TEST(UnixPeer, WhatIsNoSocketHasNoPeer) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd one(ends[0]), other(ends[1]);
  EXPECT_FALSE(UnixPeer(one.get(), geteuid()).ok());
}

// While a call waited gRPC looked at somebody else's connection in its thread, and the call was
// nobody's afterwards.
TEST(CallerScope, EndsWithTheCallerThatWasBeforeIt) {
  Caller client, stranger;
  client.wire.set_client_id("5e0c");
  stranger.wire.set_client_id("none");
  {
    const CallerScope call(client);
    {
      const CallerScope meanwhile(stranger);
      EXPECT_EQ(CallerScope::current_id(), "none");
    }
    EXPECT_EQ(CallerScope::current_id(), "5e0c");
  }
  EXPECT_EQ(CallerScope::current(), nullptr);
}

}  // namespace
}  // namespace synergy
