#include "daemon/front/unix_peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/unique_fd.h"

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

// The same in a process of a user who is nobody and in no group.
v1::Role RoleOfNobody(uid_t owner) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(99);
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

TEST(UnixPeer, WhatIsNoSocketHasNoPeer) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd one(ends[0]), other(ends[1]);
  EXPECT_FALSE(UnixPeer(one.get(), geteuid()).ok());
}

}  // namespace
}  // namespace synergy
