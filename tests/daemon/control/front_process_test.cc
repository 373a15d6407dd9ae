#include "daemon/control/front_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "common/child_process.h"
#include "common/files.h"
#include "fmt/format.h"
#include "tests/daemon/jobs/fake_executor.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

class FrontProcessTest : public testing::Test {
 protected:
  void Start(const std::string& behaviour) {
    JobQueueOptions queue_options;
    queue_options.state_dir = folder_.path();
    queue_ = JobQueue::Open(queue_options, executor_, RealClock()).value();
    ControlStart start;
    start.board.set_name(behaviour);
    start.telemetry_ring = ring_.get();
    server_ = ControlServer::Create(start, *queue_).value();
    options_.launcher = SYNERGY_TEST_LAUNCHER;
    options_.executable = SYNERGY_TEST_FRONT;
    if (geteuid() == 0) options_.user = FindUser({"nobody"});
    options_.backoff_min = Milliseconds(1);
    front_ = std::make_unique<FrontProcess>(options_, *server_);
    front_->Start();
  }
  ~FrontProcessTest() override {
    front_.reset();
    EXPECT_EQ(KillStrays(), 0);
  }

  // The pid of a living front other than `before`.
  pid_t WaitForFront(pid_t before = 0) {
    const MonotonicTime limit = RealClock().Now() + Seconds(10);
    while (RealClock().Now() < limit) {
      const std::optional<pid_t> pid = front_->pid();
      if (pid.has_value() && *pid != before) return *pid;
      RealClock().SleepUntil(RealClock().Now() + Milliseconds(1));
    }
    ADD_FAILURE() << "no front came";
    return 0;
  }

  // /proc/PID/status once it says `text`.
  static std::string WaitForStatus(pid_t pid, const std::string& text) {
    std::string status;
    const MonotonicTime limit = RealClock().Now() + Seconds(10);
    while (status.find(text) == std::string::npos && RealClock().Now() < limit) {
      status = ReadFile(fmt::format("/proc/{}/status", pid), 1 << 16).value_or("");
    }
    return status;
  }

  TempFolder folder_;
  FakeExecutor executor_;
  const UniqueFd ring_ = MemoryFile("ring");
  FrontOptions options_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<FrontProcess> front_;
};

TEST_F(FrontProcessTest, AFrontThatIsKilledComesBack) {
  Start("steady");
  const pid_t first = WaitForFront();
  kill(first, SIGKILL);
  const pid_t second = WaitForFront(first);
  kill(second, SIGKILL);
  WaitForFront(second);
}

TEST_F(FrontProcessTest, AFrontThatCrashesAtOnceIsTriedAgainAndAgain) {
  Start("crash");
  pid_t pid = 0;
  for (int i = 0; i < 4; ++i) pid = WaitForFront(pid);
}

TEST_F(FrontProcessTest, AFrontThatGrowsBeyondItsLimitIsReplaced) {
  options_.memory_limit_bytes = 64 << 20;
  Start("fat");
  WaitForFront(WaitForFront());
}

TEST_F(FrontProcessTest, AFrontThatSendsNonsenseIsReplaced) {
  options_.end_patience = Milliseconds(200);
  Start("rude");
  WaitForFront(WaitForFront());
}

TEST_F(FrontProcessTest, StopEndsAWellBehavedFrontAtOnce) {
  options_.end_patience = Seconds(60);  // which it does not use up, however slow the machine
  Start("steady");
  const pid_t pid = WaitForFront();
  const MonotonicTime begin = RealClock().Now();
  front_->Stop();
  EXPECT_LT((RealClock().Now() - begin).seconds(), 30);
  EXPECT_NE(kill(pid, 0), 0);
}

TEST_F(FrontProcessTest, StopKillsAStubbornFrontAfterItsPatience) {
  options_.end_patience = Milliseconds(200);
  Start("stubborn");
  const pid_t pid = WaitForFront();
  WaitForStatus(pid, "4000\nSigCgt");  // it ignores SIGTERM by now
  const MonotonicTime begin = RealClock().Now();
  front_->Stop();
  EXPECT_GE((RealClock().Now() - begin).seconds(), 0.2);
  EXPECT_NE(kill(pid, 0), 0);
}

TEST_F(FrontProcessTest, RunsWithoutPrivileges) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Start("steady");
  const pid_t pid = WaitForFront();
  // The launcher changes the user before it becomes the front.
  const std::string status = WaitForStatus(pid, "Name:\tsynergyd-fake");
  EXPECT_NE(status.find("Uid:\t65534\t65534\t65534\t65534"), std::string::npos) << status;
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << status;
  EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos) << status;
}

}  // namespace
}  // namespace synergy
