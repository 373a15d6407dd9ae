#include "daemon/jobs/worker_cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "common/child_process.h"
#include "fmt/format.h"

namespace synergy {
namespace {

TEST(WorkerCgroup, FindsTheMountOfVersionTwo) {
  EXPECT_EQ(ParseCgroupMount("proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"),
            "/sys/fs/cgroup");
  EXPECT_EQ(ParseCgroupMount("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"), std::nullopt);
  EXPECT_EQ(ParseCgroupMount("cgroup2"), std::nullopt);
  EXPECT_EQ(ParseCgroupMount(""), std::nullopt);
}

TEST(WorkerCgroup, KillsWhatIsInItHoweverItGotAwayAndGoesWithItsFolder) {
  AdoptOrphans();
  const std::string name = fmt::format("synergy-test-{}", getpid());
  auto group = WorkerCgroup::Create(name);
  if (!group.ok()) GTEST_SKIP() << "no cgroup of our own here: " << group.status();
  const std::string path = (*group)->path();
  auto child = ChildProcess::Spawn(
      {.path = "/bin/sh",
       .arguments = {"-c", fmt::format("echo 0 > {}/cgroup.procs && setsid sleep 1000 & "
                                       "echo 0 > {}/cgroup.procs; exec sleep 1000",
                                       path, path)}});
  ASSERT_TRUE(child.ok()) << child.status();
  const MonotonicTime limit = RealClock().Now() + Seconds(10);
  int killed = 0;
  while (killed < 2 && RealClock().Now() < limit) killed += (*group)->KillAll();
  EXPECT_GE(killed, 1);
  EXPECT_TRUE((*child)->WaitUntil(RealClock().Now() + Seconds(10), RealClock()).has_value());
  KillStrays();
  group->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace synergy
