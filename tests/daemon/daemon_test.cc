// The real synergyd with the real launcher and front, the simulated board and the fake engine.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <set>

#include "common/attribution/run_data.h"
#include "common/child_process.h"
#include "common/files.h"
#include "daemon/jobs/run_store.h"
#include "daemon/sampling/spool.h"
#include "fmt/format.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEndless[] = "operators 3 op_us 500";

// Looks at `condition` again and again; false where it does not come true within 20 s.
template <typename Condition>
bool Eventually(Condition condition) {
  const MonotonicTime limit = RealClock().Now() + Seconds(20);
  while (!condition()) {
    if (RealClock().Now() > limit) return false;
    RealClock().SleepUntil(RealClock().Now() + Milliseconds(2));
  }
  return true;
}

// Living children of a process, by name.
std::vector<pid_t> ChildrenOf(pid_t parent, const std::string& name) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string text = entry.path().filename();
    pid_t pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    if (pid == 0) continue;
    const std::string status = ReadFile(fmt::format("/proc/{}/status", pid), 1 << 16).value_or("");
    if (status.find(fmt::format("PPid:\t{}\n", parent)) == std::string::npos) continue;
    // The kernel keeps 15 characters of a name.
    if (status.find(fmt::format("Name:\t{}\n", name.substr(0, 15))) != std::string::npos &&
        status.find("State:\tZ") == std::string::npos) {
      found.push_back(pid);
    }
  }
  return found;
}

bool Alive(pid_t pid) {
  const std::string status = ReadFile(fmt::format("/proc/{}/status", pid), 1 << 16).value_or("");
  return !status.empty() && status.find("State:\tZ") == std::string::npos;
}

// Living processes of an executable.
std::vector<pid_t> Running(const std::string& executable) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string text = entry.path().filename();
    pid_t pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    std::error_code error;
    if (pid != 0 && fs::read_symlink(entry.path() / "exe", error) == executable) {
      found.push_back(pid);
    }
  }
  return found;
}

// The effective user of a process.
uid_t UserOf(pid_t pid) {
  const std::string status = ReadFile(fmt::format("/proc/{}/status", pid), 1 << 16).value_or("");
  uid_t real = 0;
  uid_t effective = 0;
  const size_t at = status.find("\nUid:");
  if (at != std::string::npos) sscanf(status.c_str() + at, "\nUid: %u %u", &real, &effective);
  return effective;
}

class DaemonTest : public testing::Test {
 protected:
  DaemonTest() {
    fs::permissions(folder_.path(), fs::perms(0755));
    fs::create_directory(folder_.File("run"));
    for (const char* executable :
         {SYNERGY_TEST_DAEMON, SYNERGY_TEST_LAUNCHER, SYNERGY_TEST_FRONT, SYNERGY_TEST_ENGINE}) {
      fs::copy(executable, folder_.File(fs::path(executable).filename()));
    }
  }

  // Starts synergyd; arguments that are not given are those of a simulated board.
  void Start(std::vector<std::string> arguments = {}, std::vector<std::string> wrapper = {}) {
    if (arguments.empty()) arguments = {"--board", "sim:jetson-tx1"};
    for (const std::string& word :
         {std::string("--listen"), "unix:" + socket_, std::string("--state"), state_}) {
      arguments.push_back(word);
    }
    daemon_ = Spawn(arguments, wrapper);
    ASSERT_TRUE(Eventually(
        [&] { return Log().find("listening on") != std::string::npos || daemon_->HasEnded(); }));
    ASSERT_THAT(Log(), HasSubstr("listening on unix:" + socket_));
  }
  std::unique_ptr<ChildProcess> Spawn(const std::vector<std::string>& arguments,
                                      std::vector<std::string> wrapper = {}) {
    const UniqueFd log(
        open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
    wrapper.push_back(folder_.File("synergyd"));
    wrapper.insert(wrapper.end(), arguments.begin(), arguments.end());
    ChildSpec spec;
    spec.path = wrapper.front();
    spec.arguments.assign(wrapper.begin() + 1, wrapper.end());
    spec.log_fd = log.get();
    auto child = ChildProcess::Spawn(spec);
    EXPECT_TRUE(child.ok()) << child.status();
    return *std::move(child);
  }
  // Runs synergyd to its end; the exit code.
  int Run(const std::vector<std::string>& arguments) {
    const auto child = Spawn(arguments);
    const auto status = child->WaitUntil(RealClock().Now() + Seconds(20), RealClock());
    return status.has_value() && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }
  std::string Log() { return ReadFile(log_, 1 << 20).value_or(""); }

  // SIGTERM must end the daemon, well, and with all of its children (tests/e2e holds the 2 s).
  void Stop() {
    const std::vector<pid_t> fronts = ChildrenOf(daemon_->pid(), "synergyd-front");
    const std::vector<pid_t> workers = ChildrenOf(daemon_->pid(), "synergy-worker-fake");
    daemon_->Terminate();
    const auto status = daemon_->WaitUntil(RealClock().Now() + Seconds(15), RealClock());
    ASSERT_TRUE(status.has_value()) << Log();
    EXPECT_EQ(status, 0) << Log();
    for (const pid_t pid : fronts) EXPECT_FALSE(Alive(pid));
    for (const pid_t pid : workers) EXPECT_FALSE(Alive(pid));
    EXPECT_FALSE(fs::exists(socket_));
    daemon_.reset();
  }

  // Queues a job as a daemon that is gone has left it.
  std::string Queue(const std::string& net, uint32_t iterations) {
    auto store = RunStore::Open(state_);
    EXPECT_TRUE(store.ok()) << store.status();
    (*store)->Load();
    v1::JobSpec spec;
    spec.set_net_name("net");
    spec.set_engine("fake");
    spec.set_iterations(iterations);
    spec.set_warmup(1);
    spec.set_threads(1);
    spec.set_batch(1);
    const auto job = (*store)->Add(spec, {}, MemoryFile(net), MemoryFile(""), {});
    EXPECT_TRUE(job.ok()) << job.status();
    return job->status().run_id();
  }
  RunData Records(const std::string& run_id) {
    RunData data;
    auto fd = OpenForReading(state_ + "/runs/" + run_id + "/records.spool");
    if (!fd.ok()) return data;
    SpoolReader reader(*std::move(fd));
    for (v1::Chunk chunk;;) {
      const auto more = reader.Next(&chunk);
      if (!more.ok() || !*more) return data;
      const absl::Status added = data.Add(chunk);
      EXPECT_TRUE(added.ok()) << added;
    }
  }
  bool Measures(const std::string& run_id) {
    const RunData data = Records(run_id);
    return !data.phases().empty() && data.phases().back().phase() == v1::PHASE_MEASURE;
  }
  v1::JobStatus Status(const std::string& run_id) {
    v1::StoredJob job;
    job.ParseFromString(ReadFile(state_ + "/runs/" + run_id + "/job.pb", 1 << 20).value_or(""));
    return job.status();
  }

  TempFolder folder_;
  const std::string state_ = folder_.File("state");
  const std::string socket_ = folder_.File("run/d.sock");
  const std::string log_ = folder_.File("log");
  std::unique_ptr<ChildProcess> daemon_;
};

TEST_F(DaemonTest, StartsServesAndStops) {
  Start();
  EXPECT_TRUE(Eventually([&] { return ChildrenOf(daemon_->pid(), "synergyd-front").size() == 1; }));
  EXPECT_THAT(Log(), HasSubstr("board sim:jetson-tx1 (SIMULATED), engines: fake"));
  Stop();
}

TEST_F(DaemonTest, StartsWithoutTheEnginesThatCrashAndSaysWhy) {
  fs::copy(SYNERGY_TEST_ENGINE, folder_.File("synergy-worker-fake-crash_early"));
  fs::copy(SYNERGY_TEST_ENGINE, folder_.File("synergy-worker-fake-stray_early"));
  Start();
  EXPECT_THAT(Log(), AllOf(HasSubstr("engines: fake, fake-stray_early\n"),
                           HasSubstr("the engine fake-crash_early cannot be used: it was killed by "
                                     "SIGABRT")));
  EXPECT_TRUE(Running(folder_.File("synergy-worker-fake-stray_early")).empty()) << "an orphan";
  Stop();
}

TEST_F(DaemonTest, SigtermEndsItAlsoWhileItStillAsksAnEngine) {
  fs::copy(SYNERGY_TEST_ENGINE, folder_.File("synergy-worker-fake-silent"));
  daemon_ = Spawn({"--board", "sim:jetson-tx1", "--listen", "unix:" + socket_, "--state", state_});
  ASSERT_TRUE(
      Eventually([&] { return !Running(folder_.File("synergy-worker-fake-silent")).empty(); }));
  Stop();
  EXPECT_THAT(Log(), HasSubstr("stopped: asked to stop before all engines had greeted"));
}

TEST_F(DaemonTest, TheEngineAndTheFrontAreOfDifferentUsersAndNobodyTracesTheFront) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string run_id = Queue(kEndless, 1'000'000);
  Start();
  ASSERT_TRUE(Eventually([&] {
    return Measures(run_id) && ChildrenOf(daemon_->pid(), "synergyd-front").size() == 1;
  })) << Log();
  const pid_t front = ChildrenOf(daemon_->pid(), "synergyd-front").at(0);
  const pid_t engine = ChildrenOf(daemon_->pid(), "synergy-worker-fake").at(0);
  const std::set<uid_t> users = {UserOf(front), UserOf(engine), uid_t{0}};
  EXPECT_EQ(users.size(), 3u);
  // The kernel gives the files of a process that may not be traced to root.
  struct stat info = {};
  ASSERT_EQ(stat(fmt::format("/proc/{}/environ", front).c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
  Stop();
}

TEST_F(DaemonTest, KeepsItsBoardId) {
  Start();
  const std::string id = ReadFile(state_ + "/board_id", 100).value();
  EXPECT_EQ(id.size(), 33u);
  Stop();
  Start();
  EXPECT_EQ(ReadFile(state_ + "/board_id", 100).value(), id);
  Stop();
}

TEST_F(DaemonTest, SigtermCancelsTheRunningJobWithItsRecords) {
  const std::string run_id = Queue(kEndless, 1'000'000);
  Start();
  ASSERT_TRUE(Eventually([&] { return Measures(run_id); })) << Log();
  EXPECT_EQ(ChildrenOf(daemon_->pid(), "synergy-worker-fake").size(), 1u);
  Stop();
  EXPECT_EQ(Status(run_id).state(), v1::JOB_STATE_CANCELLED);
  const RunData data = Records(run_id);
  ASSERT_NE(data.end(), nullptr);
  EXPECT_EQ(data.end()->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(data.end()->markers(), data.markers().size());
}

TEST_F(DaemonTest, ADaemonThatIsKilledTakesItsProcessesAlongAndItsSuccessorGoesOn) {
  const std::string killed = Queue(kEndless, 1'000'000);
  const std::string next = Queue("operators 2", 3);
  Start();
  ASSERT_TRUE(Eventually([&] { return Measures(killed); })) << Log();
  const std::vector<pid_t> workers = ChildrenOf(daemon_->pid(), "synergy-worker-fake");
  const std::vector<pid_t> fronts = ChildrenOf(daemon_->pid(), "synergyd-front");
  ASSERT_EQ(workers.size(), 1u);
  ASSERT_EQ(fronts.size(), 1u);
  kill(daemon_->pid(), SIGKILL);
  EXPECT_TRUE(Eventually([&] { return !Alive(workers[0]) && !Alive(fronts[0]); }));
  daemon_->Kill();

  Start();  // over the socket that the dead one left
  EXPECT_TRUE(Eventually([&] { return Status(next).state() == v1::JOB_STATE_DONE; })) << Log();
  EXPECT_EQ(Status(killed).state(), v1::JOB_STATE_FAILED);
  const RunData data = Records(killed);
  ASSERT_NE(data.end(), nullptr);
  EXPECT_EQ(data.end()->error(), "the daemon stopped while this job ran");
  EXPECT_EQ(data.next_seq(), Status(killed).chunks());
  Stop();
}

TEST_F(DaemonTest, WhatAnEngineOfADaemonThatIsKilledLeftBehindEndsWithTheNextStart) {
  const std::string run_id = Queue(std::string(kEndless) + " stray 1", 1'000'000);
  Start();
  const std::string engine = folder_.File("synergy-worker-fake");
  ASSERT_TRUE(Eventually([&] { return Running(engine).size() == 2; })) << Log();
  const bool by_cgroup = Log().find("not by cgroup") == std::string::npos && geteuid() == 0;
  kill(daemon_->pid(), SIGKILL);
  EXPECT_TRUE(Eventually([&] { return Running(engine).size() == 1; })) << "the stray alone";
  daemon_->Kill();
  Start();
  if (by_cgroup) {
    EXPECT_TRUE(Eventually([&] { return Running(engine).empty(); }));
  }
  for (const pid_t pid : Running(engine)) kill(pid, SIGKILL);
  Stop();
  EXPECT_EQ(Status(run_id).state(), v1::JOB_STATE_FAILED);
}

TEST_F(DaemonTest, AnEngineThatForksIntoAnotherSessionLeavesNoOrphan) {
  const std::string run_id = Queue("operators 3 stray 1", 5);
  Start();
  ASSERT_TRUE(Eventually([&] { return Status(run_id).state() == v1::JOB_STATE_DONE; })) << Log();
  EXPECT_TRUE(Running(folder_.File("synergy-worker-fake")).empty());
  Stop();
}

TEST_F(DaemonTest, ARunningMeasurementDoesNotNoticeThatTheFrontIsKilled) {
  const std::string run_id = Queue("operators 2 op_us 1000", 500);
  Start();
  ASSERT_TRUE(Eventually([&] {
    return Measures(run_id) && ChildrenOf(daemon_->pid(), "synergyd-front").size() == 1;
  })) << Log();
  const pid_t front = ChildrenOf(daemon_->pid(), "synergyd-front").at(0);
  kill(front, SIGKILL);
  EXPECT_TRUE(Eventually([&] {
    const auto fronts = ChildrenOf(daemon_->pid(), "synergyd-front");
    return fronts.size() == 1 && fronts[0] != front;
  }));
  EXPECT_TRUE(Eventually([&] { return Status(run_id).state() == v1::JOB_STATE_DONE; }));
  const RunData data = Records(run_id);
  ASSERT_NE(data.end(), nullptr);
  EXPECT_EQ(data.end()->state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(data.end()->markers_dropped(), 0u);
  Stop();
}

TEST_F(DaemonTest, TwoDaemonsDoNotShareAStateFolderOrASocket) {
  Start();
  const std::string first = std::to_string(daemon_->pid());
  EXPECT_EQ(Run({"--board", "sim:jetson-tx1", "--state", state_, "--listen",
                 "unix:" + folder_.File("other.sock")}),
            1);
  EXPECT_THAT(Log(), AllOf(HasSubstr("process " + first), HasSubstr("--state")));
  EXPECT_EQ(Run({"--board", "sim:jetson-tx1", "--state", folder_.File("other"), "--listen",
                 "unix:" + socket_}),
            1);
  EXPECT_THAT(Log(), HasSubstr("another synergyd listens there"));
  EXPECT_TRUE(fs::exists(socket_));
  EXPECT_FALSE(daemon_->HasEnded());
  Stop();
}

TEST_F(DaemonTest, AStateFolderThatOthersMayWriteIsRefused) {
  fs::create_directory(state_);
  fs::permissions(state_, fs::perms(0777));
  EXPECT_EQ(Run({"--board", "sim:jetson-tx1", "--state", state_, "--listen", "unix:" + socket_}),
            1);
  EXPECT_THAT(Log(), AllOf(HasSubstr("mode 777"), HasSubstr("--state")));
  if (geteuid() != 0) return;
  fs::permissions(state_, fs::perms(0700));
  ASSERT_EQ(chown(state_.c_str(), 65534, 65534), 0);
  EXPECT_EQ(Run({"--board", "sim:jetson-tx1", "--state", state_, "--listen", "unix:" + socket_}),
            1);
  EXPECT_THAT(Log(), HasSubstr("belongs to user 65534"));
}

TEST_F(DaemonTest, UsageErrorsEndWithTwo) {
  const std::vector<std::string> common = {"--state", state_, "--board", "sim:jetson-tx1"};
  const auto refused = [&](std::vector<std::string> arguments, const std::string& text) {
    arguments.insert(arguments.end(), common.begin(), common.end());
    EXPECT_EQ(Run(arguments), 2);
    EXPECT_THAT(Log(), HasSubstr(text));
  };
  refused({"--listen", "tx1.local:7741"}, "no address of this machine");
  refused({"--listen", "unix:" + folder_.File(std::string(200, 'x'))}, "shorter");
  refused({"--listen", ""}, "'' is no address to listen on");
  refused({"--no-such-flag"}, "--no-such-flag");
  std::vector<std::string> many;
  for (int i = 0; i < 15; ++i) many.insert(many.end(), {"--listen", "127.0.0.1:0"});
  refused(many, "at most 14");
  EXPECT_EQ(Run({"--board", "sim:jetson-tx2", "--state", state_, "--listen", "unix:" + socket_}),
            2);
  EXPECT_THAT(Log(), HasSubstr("sim:jetson-tx1"));
}

TEST_F(DaemonTest, ListensOnTcpWithCredentialsAlone) {
  const std::vector<std::string> tcp = {"--board", "sim:jetson-tx1", "--state",
                                        state_,    "--listen",       "127.0.0.1:0"};
  EXPECT_EQ(Run(tcp), 2);
  EXPECT_THAT(Log(), AllOf(HasSubstr("no certificates"), HasSubstr(state_ + "/access"),
                           HasSubstr("`synergyd credentials --state " + state_ + "`"),
                           Not(HasSubstr("listening on"))));
  EXPECT_FALSE(fs::exists(state_ + "/access/board.crt"));

  ASSERT_EQ(Run({"credentials", "--state", state_}), 0);
  const std::string certificate = ReadFile(state_ + "/access/board.crt", 1 << 16).value();
  EXPECT_EQ(Run({"credentials", "--state", state_}), 0);
  EXPECT_THAT(Log(), HasSubstr("already had its certificates"));
  EXPECT_EQ(ReadFile(state_ + "/access/board.crt", 1 << 16).value(), certificate);
  daemon_ = Spawn(tcp);
  EXPECT_TRUE(Eventually(
      [&] { return Log().find("listening on") != std::string::npos || daemon_->HasEnded(); }));
  EXPECT_THAT(Log(), HasSubstr("listening on 127.0.0.1:"));
}

TEST_F(DaemonTest, CredentialsAreMadeForTheIdOfTheBoardAlsoWhileADaemonRuns) {
  Start();
  const std::string id = ReadFile(state_ + "/board_id", 64).value().substr(0, 32);
  ASSERT_EQ(Run({"credentials", "--state", state_}), 0);
  EXPECT_THAT(Log(), HasSubstr("the board " + id + " has its certificates"));
  EXPECT_EQ(ReadFile(state_ + "/board_id", 64).value().substr(0, 32), id);

  const std::string fresh = folder_.File("fresh");
  ASSERT_EQ(Run({"credentials", "--state", fresh}), 0);
  const std::string other = ReadFile(fresh + "/board_id", 64).value().substr(0, 32);
  EXPECT_THAT(Log(), HasSubstr("the board " + other + " has its certificates"));
  EXPECT_NE(other, id);
}

TEST_F(DaemonTest, AMissingDefaultIsNamed) {
  const auto log_without = [&](const std::vector<std::string>& variables,
                               const std::vector<std::string>& flags) {
    std::vector<std::string> wrapper;
    if (geteuid() == 0) {  // root has defaults that need no variables
      wrapper = {folder_.File("synergy-launcher"),
                 "--uid",
                 "65534",
                 "--gid",
                 "65534",
                 "--file-limit",
                 "1024",
                 "--write-limit",
                 "1000000",
                 "--"};
    }
    wrapper.push_back("/usr/bin/env");  // behind the launcher, which sets an environment
    for (const std::string& name : variables) wrapper.insert(wrapper.end(), {"-u", name});
    const auto child = Spawn(flags, wrapper);
    child->WaitUntil(RealClock().Now() + Seconds(20), RealClock());
    return Log();
  };
  EXPECT_THAT(log_without({"XDG_RUNTIME_DIR"}, {"--state", state_}),
              AllOf(HasSubstr("XDG_RUNTIME_DIR is not set"), Not(HasSubstr("HOME"))));
  EXPECT_THAT(log_without({"XDG_STATE_HOME", "HOME"}, {"--listen", "unix:" + socket_}),
              AllOf(HasSubstr("XDG_STATE_HOME nor HOME"), Not(HasSubstr("XDG_RUNTIME_DIR"))));
}

TEST_F(DaemonTest, AnAddressInAFolderThatIsNotThereIsRefusedAndNoFolderMade) {
  const std::string folder = folder_.File("nowhere");
  EXPECT_EQ(Run({"--state", state_, "--listen", "unix:" + folder + "/d.sock"}), 1);
  EXPECT_THAT(Log(), HasSubstr("there is no folder " + folder));
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(DaemonTest, HelpAndVersionEndWithZero) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(Log(), AllOf(HasSubstr("--board"), HasSubstr("--listen"), HasSubstr("--state"),
                           HasSubstr("--libexec"), HasSubstr("7741")));
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_THAT(Log(), HasSubstr("synergyd "));
}

TEST_F(DaemonTest, AnUnknownFlagIsRefusedWithTheNearestOne) {
  EXPECT_EQ(Run({"--bord", "sim:jetson-tx1"}), 2);
  EXPECT_THAT(Log(), HasSubstr("there is no flag '--bord'; did you mean '--board'?"));
}

TEST_F(DaemonTest, AMachineThatCannotIsToldWithOne) {
  EXPECT_EQ(Run({"--state", "/proc/nowhere", "--listen", "unix:" + socket_}), 1);
  EXPECT_THAT(Log(), AllOf(HasSubstr("/proc/nowhere"), HasSubstr("another state folder")));
  EXPECT_EQ(Run({"--state", state_, "--listen", "unix:/proc/d.sock"}), 1);
  EXPECT_THAT(Log(), HasSubstr("choose another path with --listen"));
  EXPECT_EQ(Run({"--state", state_, "--listen", "unix:" + socket_, "--libexec", "/nowhere"}), 1);
  EXPECT_THAT(Log(), AllOf(HasSubstr("/nowhere/synergy-launcher"), HasSubstr("--libexec")));
}

TEST_F(DaemonTest, WithoutASensorItStartsAndRefusesToMeasure) {
  const std::string run_id = Queue("operators 2", 3);
  Start({"--board", "auto"});
  if (Log().find("cannot measure power") == std::string::npos) {
    Stop();
    GTEST_SKIP() << "this machine has a sensor";
  }
  EXPECT_TRUE(Eventually([&] { return Status(run_id).state() == v1::JOB_STATE_FAILED; }));
  EXPECT_THAT(Status(run_id).error(), HasSubstr("--board sim:jetson-tx1"));
  EXPECT_THAT(Log(), AllOf(HasSubstr(fmt::format("run {}: started", run_id)),
                           HasSubstr(fmt::format("run {}: failed: This board", run_id))));
  Stop();
}

TEST_F(DaemonTest, WorksWithoutRootAndSaysWhatItCannotDo) {
  const std::string run_id = Queue("operators 2", 3);
  std::vector<std::string> wrapper;
  if (geteuid() == 0) {
    for (const auto& entry : fs::recursive_directory_iterator(state_)) {
      ASSERT_EQ(chown(entry.path().c_str(), 65534, 65534), 0);
    }
    ASSERT_EQ(chown(state_.c_str(), 65534, 65534), 0);
    fs::create_directory(folder_.File("run"));
    ASSERT_EQ(chown(folder_.File("run").c_str(), 65534, 65534), 0);
    wrapper = {folder_.File("synergy-launcher"),
               "--uid",
               "65534",
               "--gid",
               "65534",
               "--file-limit",
               "1024",
               "--write-limit",
               "1000000000",
               "--"};
  }
  Start({}, wrapper);
  EXPECT_THAT(Log(), HasSubstr("does not run as root"));
  EXPECT_TRUE(Eventually([&] { return Status(run_id).state() == v1::JOB_STATE_DONE; })) << Log();
  Stop();
}

}  // namespace
}  // namespace synergy
