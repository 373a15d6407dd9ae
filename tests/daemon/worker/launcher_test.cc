// Starts the real synergy-launcher with small programs of the system as the engine.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "common/unique_fd.h"

namespace synergy {
namespace {

using testing::HasSubstr;
using testing::Not;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

struct Result {
  std::string output;  // stdout and stderr
  int status = 0;      // of waitpid
};

// A program whose output comes through a pipe. Killed and collected when it goes out of scope.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command) {
    int pipe_fds[2];
    EXPECT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    output_ = UniqueFd(pipe_fds[0]);
    const UniqueFd writing(pipe_fds[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, writing.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Child() {
    if (pid_ > 0) Kill();
  }

  void Kill() {
    kill(pid_, SIGKILL);
    Wait();
  }

  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return status;
  }

  // One line, or what came before the end of the output.
  std::string ReadLine() {
    std::string line;
    for (char c = 0; read(output_.get(), &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

  std::string ReadAll() {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(output_.get(), buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

  // Whether everybody who could write has ended within that time.
  bool OutputEnds(int timeout_ms) {
    pollfd poll_fd{.fd = output_.get(), .events = POLLIN, .revents = 0};
    while (poll(&poll_fd, 1, timeout_ms) == 1) {
      char buffer[4096];
      if (read(output_.get(), buffer, sizeof(buffer)) == 0) return true;
    }
    return false;
  }

  pid_t pid() const { return pid_; }

 private:
  UniqueFd output_;
  pid_t pid_ = -1;
};

bool IsRoot() { return geteuid() == 0; }

// The launcher with what it needs here, as root or not, and then `command`.
std::vector<std::string> Launch(std::vector<std::string> flags,
                                const std::vector<std::string>& command) {
  std::vector<std::string> all = {SYNERGY_LAUNCHER};
  if (IsRoot()) {
    for (const char* word : {"--uid", "65534", "--gid", "65534"}) all.emplace_back(word);
  }
  all.insert(all.end(), flags.begin(), flags.end());
  all.emplace_back("--");
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

Result Collect(const std::vector<std::string>& command) {
  Child child(command);
  Result result;
  result.output = child.ReadAll();
  result.status = child.Wait();
  return result;
}

Result RunShell(const std::vector<std::string>& flags, const std::string& script) {
  return Collect(Launch(flags, {"/bin/sh", "-c", script}));
}

// The words after `name:` in a text like that of /proc/self/status.
std::string Field(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + ":")) continue;
    const size_t begin = line.find_first_not_of(" \t", name.size() + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

TEST(Launcher, HandsOnDescriptorsZeroToNineAlone) {
  UniqueFd low(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd null(fcntl(low.get(), F_DUPFD_CLOEXEC, 100));
  low.reset();
  std::vector<UniqueFd> open_files;
  for (const int at : {3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 63}) {
    if (fcntl(at, F_GETFD) >= 0) continue;  // the test framework's own
    ASSERT_EQ(dup2(null.get(), at), at);    // inherited: not close-on-exec
    open_files.emplace_back(at);
  }
  // The glob is expanded by the shell itself, which holds no other descriptor while it does.
  const Result result = RunShell(
      {}, "for fd in 0 1 2 3 4 5 6 7 8 9 10 11 20 63; do [ -e /proc/$$/fd/$fd ] && echo $fd; done");
  EXPECT_EQ(result.output, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  const Result fewer = RunShell(
      {"--fds", "1"}, "for fd in 2 3 4 5 6 7 8 9 10; do [ -e /proc/$$/fd/$fd ] && echo $fd; done");
  EXPECT_EQ(fewer.output, "2\n3\n");
}

TEST(Launcher, MakesAnEngineTheFirstToGoWhenMemoryRunsOut) {
  EXPECT_EQ(RunShell({"--oom-score-adj", "1000"}, "cat /proc/self/oom_score_adj").output, "1000\n");
}

TEST(Launcher, GivesNoNewPrivileges) {
  const Result result = Collect(Launch({}, {"/bin/cat", "/proc/self/status"}));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(Field(result.output, "NoNewPrivs"), "1");
  EXPECT_EQ(Field(result.output, "CapPrm"), "0000000000000000");
  EXPECT_EQ(Field(result.output, "CapEff"), "0000000000000000");
}

TEST(Launcher, LeavesRootBehind) {
  if (!IsRoot()) GTEST_SKIP() << "only root can change its user";
  const Result result = Collect(Launch({}, {"/bin/cat", "/proc/self/status"}));
  EXPECT_EQ(Field(result.output, "Uid"), "65534\t65534\t65534\t65534");
  EXPECT_EQ(Field(result.output, "Gid"), "65534\t65534\t65534\t65534");
  EXPECT_THAT(Field(result.output, "Groups"), testing::IsEmpty());
}

TEST(Launcher, RefusesToStartAnEngineAsRoot) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{SYNERGY_LAUNCHER, "--", "/bin/true"},
        {SYNERGY_LAUNCHER, "--uid", "0", "--gid", "0", "--", "/bin/true"}}) {
    if (!IsRoot() && command.size() == 3) continue;  // without root there is nothing to give up
    const Result result = Collect(command);
    EXPECT_EQ(WEXITSTATUS(result.status), 126);
    EXPECT_THAT(result.output, HasSubstr("--uid"));
  }
}

TEST(Launcher, RunsABinaryInAFolderThatOnlyItsOwnerMayEnter) {
  std::string folder = (std::filesystem::temp_directory_path() / "launcher-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string binary = folder + "/cat";
  std::filesystem::copy_file("/bin/cat", binary);
  ASSERT_EQ(chmod(binary.c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder.c_str(), 0700), 0);
  const Result result = Collect(Launch({}, {binary, "/proc/self/status"}));
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(Field(result.output, "Name"), "cat") << "as what ps shows";
  if (IsRoot()) {
    ASSERT_EQ(chmod(binary.c_str(), 0700), 0);
    const Result refused = Collect(Launch({}, {binary, "/proc/self/status"}));
    EXPECT_EQ(WEXITSTATUS(refused.status), 127);
    EXPECT_THAT(refused.output, HasSubstr("chmod o+rx"));
  }
  std::filesystem::remove_all(folder);
}

TEST(Launcher, SaysThatAScriptIsNoEngine) {
  std::string folder = (std::filesystem::temp_directory_path() / "launcher-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string script = folder + "/engine";
  std::ofstream(script) << "#!/bin/sh\nexit 0\n";
  ASSERT_EQ(chmod(script.c_str(), 0755), 0);
  const Result result = Collect(Launch({}, {script}));
  EXPECT_EQ(WEXITSTATUS(result.status), 127);
  EXPECT_THAT(result.output, HasSubstr("it is a script or its dynamic loader is not there"));
  std::filesystem::remove_all(folder);
}

TEST(Launcher, LeadsASessionAndAGroupOfItsOwn) {
  Child child(Launch({}, {"/bin/cat", "/proc/self/stat"}));
  const std::string stat = child.ReadAll();
  std::istringstream rest(stat.substr(stat.rfind(')') + 2));
  std::string state;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  rest >> state >> parent >> group >> session;
  EXPECT_EQ(parent, getpid());
  EXPECT_EQ(group, child.pid());
  EXPECT_EQ(session, child.pid());
}

TEST(Launcher, SetsLimits) {
  const Result result = Collect(Launch({"--memory-limit", "500000000", "--cpu-limit", "7",
                                        "--file-limit", "33", "--process-limit", "444"},
                                       {"/bin/cat", "/proc/self/limits"}));
  const auto line = [&](const std::string& name) {
    const size_t begin = result.output.find(name);
    return result.output.substr(begin, result.output.find('\n', begin) - begin);
  };
  using testing::MatchesRegex;
  EXPECT_THAT(line("Max core file size"), MatchesRegex("[A-Za-z ]+ 0 +0 +bytes *"));
  EXPECT_THAT(line("Max file size"), MatchesRegex("[A-Za-z ]+ 0 +0 +bytes *"));
  if (kLimitsMemory) {
    EXPECT_THAT(line("Max data size"), MatchesRegex("[A-Za-z ]+ 500000000 +500000000 +bytes *"));
  }
  EXPECT_THAT(line("Max cpu time"), MatchesRegex("[A-Za-z ]+ 7 +9 +seconds *"));
  EXPECT_THAT(line("Max open files"), MatchesRegex("[A-Za-z ]+ 33 +33 +files *"));
  if (IsRoot()) {
    EXPECT_THAT(line("Max processes"), MatchesRegex("[A-Za-z ]+ 444 +444 +processes *"));
  }
}

TEST(Launcher, LetsAProgramWriteFilesWhereItIsTold) {
  const Result result =
      RunShell({"--write-limit", "1048576"}, "ulimit -f | grep -qE '^(1024|2048)$'");
  EXPECT_EQ(result.status, 0) << "in blocks of 1024 or 512 bytes";
}

TEST(Launcher, MemoryLimitHolds) {
  if (!kLimitsMemory) GTEST_SKIP() << "a sanitizer's build has no memory limit";
  // The shell's variable grows by doubling until the limit stops it.
  const Result result =
      RunShell({"--memory-limit", "50000000"}, "x=0123456789abcdef; while :; do x=$x$x; done");
  EXPECT_NE(result.status, 0);
}

TEST(Launcher, CpuLimitEndsTheEngineWithTheSignalThatSaysWhy) {
  const Result result = RunShell({"--cpu-limit", "1"}, "while :; do :; done");
  ASSERT_TRUE(WIFSIGNALED(result.status));
  EXPECT_EQ(WTERMSIG(result.status), SIGXCPU);
}

TEST(Launcher, KeepsToItsCpus) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) last = cpu;
  }
  const Result result =
      Collect(Launch({"--cpus", std::to_string(last)}, {"/bin/cat", "/proc/self/status"}));
  EXPECT_EQ(Field(result.output, "Cpus_allowed_list"), std::to_string(last));
}

TEST(Launcher, ReducesTheEnvironmentAndLeavesTheFolder) {
  ASSERT_EQ(setenv("SYNERGY_SECRET", "hunter2", 1), 0);
  ASSERT_EQ(setenv("LD_PRELOAD_NOT", "x", 1), 0);
  const Result result = RunShell({}, "env; pwd; umask");
  EXPECT_THAT(result.output, Not(HasSubstr("SYNERGY_SECRET")));
  EXPECT_THAT(result.output, Not(HasSubstr("LD_PRELOAD_NOT")));
  EXPECT_THAT(result.output, HasSubstr("OPENBLAS_NUM_THREADS=1\n"));
  EXPECT_THAT(result.output, HasSubstr("\n/\n0077\n"));
}

TEST(Launcher, TheEngineDiesWithItsParent) {
  std::string script = "'" SYNERGY_LAUNCHER "'";
  if (IsRoot()) script += " --uid 65534 --gid 65534";
  script += " -- /bin/sh -c 'echo started; exec sleep 1000' & wait";
  Child parent({"/bin/sh", "-c", script});
  ASSERT_EQ(parent.ReadLine(), "started");
  EXPECT_FALSE(parent.OutputEnds(0));
  parent.Kill();
  EXPECT_TRUE(parent.OutputEnds(10'000)) << "the engine still holds the pipe";
}

TEST(Launcher, RefusesWhenTheParentHasEndedAlready) {
  const Result result = Collect(Launch({"--parent", "1073741823"}, {"/bin/echo", "ran"}));
  EXPECT_EQ(WEXITSTATUS(result.status), 126);
  EXPECT_THAT(result.output, HasSubstr("the parent, has ended"));
  EXPECT_THAT(result.output, Not(HasSubstr("ran")));
}

TEST(Launcher, SaysWhatItCouldNotStart) {
  Result result = Collect(Launch({}, {"/nonexistent/engine"}));
  EXPECT_EQ(WEXITSTATUS(result.status), 127);
  EXPECT_THAT(result.output, HasSubstr("opening /nonexistent/engine: No such file"));
  result = Collect(Launch({}, {"/tmp"}));
  EXPECT_EQ(WEXITSTATUS(result.status), 127);
  EXPECT_THAT(result.output, HasSubstr("no regular file"));
}

TEST(Launcher, RefusesFlagsThatMakeNoSense) {
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--cpus", "1,x"},
                                                {"--cpus", ""},
                                                {"--cpus", "99999"},
                                                {"--memory-limit", "-1"},
                                                {"--memory-limit", "1G"},
                                                {"--unknown", "1"},
                                                {"--uid", "7777"}}) {
    std::vector<std::string> command = {SYNERGY_LAUNCHER};
    command.insert(command.end(), flags.begin(), flags.end());
    command.insert(command.end(), {"--", "/bin/true"});
    EXPECT_EQ(WEXITSTATUS(Collect(command).status), 126) << flags[0];
  }
}

}  // namespace
}  // namespace synergy
