#include "common/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "common/unique_fd.h"
#include "fmt/format.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  // Everything until nobody holds the writing end any more.
  std::string ReadToEnd() {
    writing.reset();
    std::string text;
    char buffer[256];
    for (ssize_t n; (n = read(reading.get(), buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }
};

std::unique_ptr<ChildProcess> Shell(const std::string& script, std::vector<int> fds = {}) {
  auto child = ChildProcess::Spawn({.path = "/bin/sh", .arguments = {"-c", script}, .fds = fds});
  EXPECT_TRUE(child.ok()) << child.status();
  return *std::move(child);
}

int Await(ChildProcess& child) {
  return child.WaitUntil(RealClock().Now() + Seconds(10), RealClock()).value_or(-1);
}

TEST(ChildProcess, SaysHowAChildEnded) {
  EXPECT_EQ(DescribeWaitStatus(Await(*Shell("exit 3"))), "exited with code 3");
  EXPECT_EQ(DescribeWaitStatus(Await(*Shell("kill -SEGV $$"))),
            "was killed by SIGSEGV (Segmentation fault)");
}

TEST(ChildProcess, AMissingExecutableIsNotFound) {
  const auto child = ChildProcess::Spawn({.path = "/no/such/program"});
  EXPECT_EQ(child.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(child.status().ToString(), HasSubstr("/no/such/program"));
}

TEST(ChildProcess, InheritsTheNamedDescriptorsInOrderAndNoOthers) {
  Pipe first;
  Pipe second;
  const UniqueFd other(fcntl(first.writing.get(), F_DUPFD_CLOEXEC, 200));
  auto child = Shell(fmt::format("echo a >&3; echo b >&4; test ! -e /proc/self/fd/{}", other.get()),
                     {first.writing.get(), second.writing.get()});
  EXPECT_EQ(Await(*child), 0);
  EXPECT_EQ(second.ReadToEnd(), "b\n");
}

TEST(ChildProcess, ItsOutputCanGoElsewhereThanItsLog) {
  Pipe output;
  Pipe log;
  auto child = ChildProcess::Spawn({.path = "/bin/sh",
                                    .arguments = {"-c", "echo out; echo err >&2"},
                                    .log_fd = log.writing.get(),
                                    .output_fd = output.writing.get()});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(Await(**child), 0);
  EXPECT_EQ(output.ReadToEnd(), "out\n");
  EXPECT_EQ(log.ReadToEnd(), "err\n");
}

TEST(ChildProcess, DescriptorsThatHaveEachOthersNumbersArrive) {
  Pipe pipe;
  const UniqueFd before3(fcntl(3, F_DUPFD_CLOEXEC, 100));
  const UniqueFd before4(fcntl(4, F_DUPFD_CLOEXEC, 100));
  const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  const UniqueFd pipe_copy(fcntl(pipe.writing.get(), F_DUPFD_CLOEXEC, 100));
  const UniqueFd null_copy(fcntl(null.get(), F_DUPFD_CLOEXEC, 100));
  ASSERT_EQ(dup3(null_copy.get(), 3, O_CLOEXEC), 3);
  ASSERT_EQ(dup3(pipe_copy.get(), 4, O_CLOEXEC), 4);
  auto child = Shell("echo pipe >&3; echo null >&4", {4, 3});
  before3.ok() ? dup3(before3.get(), 3, O_CLOEXEC) : close(3);
  before4.ok() ? dup3(before4.get(), 4, O_CLOEXEC) : close(4);
  EXPECT_EQ(Await(*child), 0);
  char text[16] = {};
  EXPECT_EQ(read(pipe.reading.get(), text, sizeof(text)), 5);
  EXPECT_STREQ(text, "pipe\n");
}

TEST(ChildProcess, KillsItsWholeGroup) {
  Pipe pipe;
  auto child = Shell("sleep 1000 & echo started >&3; wait", {pipe.writing.get()});
  char byte = 0;
  ASSERT_EQ(read(pipe.reading.get(), &byte, 1), 1);
  child->Kill();
  EXPECT_EQ(pipe.ReadToEnd(), "tarted\n") << "ends only when sleep, too, has let go of the pipe";
}

TEST(ChildProcess, WhatAnEndedChildLeftInItsGroupIsKilled) {
  Pipe pipe;
  auto child = Shell("sleep 1000 & exit 0", {pipe.writing.get()});
  EXPECT_EQ(Await(*child), 0);
  EXPECT_EQ(pipe.ReadToEnd(), "");
}

TEST(ChildProcess, StraysAreKilledAndLivingChildrenAreNot) {
  AdoptOrphans();
  Pipe pipe;
  auto good = Shell("sleep 1000");
  auto bad = Shell("setsid sh -c 'echo started >&3; exec sleep 1000' & wait", {pipe.writing.get()});
  char byte = 0;
  ASSERT_EQ(read(pipe.reading.get(), &byte, 1), 1);
  bad->Kill();
  int killed = 0;
  // The orphan falls to us when its parent, the shell, has ended at the latest.
  for (int i = 0; i < 1000 && killed == 0; ++i) killed = KillStrays();
  EXPECT_EQ(killed, 1);
  EXPECT_EQ(pipe.ReadToEnd(), "tarted\n");
  EXPECT_EQ(good->TryWait(), std::nullopt);
  EXPECT_EQ(KillStrays(), 0);
}

}  // namespace
}  // namespace synergy
