#include "common/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/files.h"
#include "common/unique_fd.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr int kFirstFd = 3;
// Copies of descriptors for the child start here, above all of their targets.
constexpr int kAboveTargets = 32;
constexpr Nanoseconds kWaitStep = Milliseconds(2);
// For strays to end; each may leave strays of its own.
constexpr Nanoseconds kStrayPatience = Milliseconds(500);

// Living children. Held during a spawn, so that no child is taken for a stray before it is known.
absl::Mutex children_mutex(absl::kConstInit);
std::set<pid_t>& Children() ABSL_EXCLUSIVE_LOCKS_REQUIRED(children_mutex) {
  static auto* children = new std::set<pid_t>;  // never destroyed: threads may outlive main
  return *children;
}

// The argument of posix_spawn that says which descriptors the child gets.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

  absl::Status Fill(const ChildSpec& spec) {
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (spec.log_fd.has_value()) {
      if (absl::Status status = Give(*spec.log_fd, STDOUT_FILENO); !status.ok()) return status;
      if (absl::Status status = Give(*spec.log_fd, STDERR_FILENO); !status.ok()) return status;
    }
    if (spec.output_fd.has_value()) {
      if (absl::Status status = Give(*spec.output_fd, STDOUT_FILENO); !status.ok()) return status;
    }
    int target = kFirstFd;
    for (const int fd : spec.fds) {
      if (absl::Status status = Give(fd, target++); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  // By way of a copy far up: dup2 onto a number that is still to be given would lose that one, and
  // dup2 of a number onto itself leaves it close-on-exec.
  absl::Status Give(int fd, int target) {
    UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, kAboveTargets));
    if (!copy.ok()) return FileError("Copying a descriptor for", "a child process", errno);
    posix_spawn_file_actions_adddup2(&actions_, copy.get(), target);
    copies_.push_back(std::move(copy));
    return absl::OkStatus();
  }

  posix_spawn_file_actions_t actions_;
  std::vector<UniqueFd> copies_;
};

// The parent of a process, 0 where it has ended meanwhile. Its name may hold anything, so what
// follows the last ')' counts: " S 1234 ...".
pid_t ParentOf(pid_t pid) {
  const absl::StatusOr<std::string> stat = ReadFile(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat.ok()) return 0;
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= stat->size()) return 0;
  pid_t parent = 0;
  std::from_chars(stat->data() + name_end + 4, stat->data() + stat->size(), parent);
  return parent;
}

std::vector<pid_t> OwnChildren() {
  std::vector<pid_t> children;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || end != name.data() + name.size()) continue;
    if (ParentOf(pid) == getpid()) children.push_back(pid);
  }
  return children;
}

// Children that nobody here has spawned.
std::vector<pid_t> FindStrays() {
  absl::MutexLock lock(&children_mutex);
  std::vector<pid_t> strays = OwnChildren();
  std::erase_if(strays, [](pid_t pid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(children_mutex) {
    return Children().contains(pid);
  });
  return strays;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Spawn(const ChildSpec& spec) {
  FileActions actions;
  if (absl::Status status = actions.Fill(spec); !status.ok()) return status;
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // From the first instant a session of its own, so that killing the group always finds it.
  posix_spawnattr_setflags(&attributes,
                           static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK));
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);

  std::vector<char*> arguments = {const_cast<char*>(spec.path.c_str())};
  for (const std::string& argument : spec.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  int error = 0;
  {
    absl::MutexLock lock(&children_mutex);
    error =
        posix_spawn(&pid, spec.path.c_str(), actions.get(), &attributes, arguments.data(), environ);
    if (error == 0) Children().insert(pid);
  }
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return FileError("Starting", spec.path, error);
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
}

ChildProcess::~ChildProcess() { Kill(); }

// Does not reap: until then the child's number, which is its group's, is not given to anyone else.
bool ChildProcess::HasEnded() const {
  if (status_.has_value()) return true;
  siginfo_t info = {};
  const int result = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  return result == 0 && info.si_pid == pid_;
}

std::optional<int> ChildProcess::TryWait() {
  if (status_.has_value()) return status_;
  if (!HasEnded()) return std::nullopt;
  kill(-pid_, SIGKILL);
  int status = 0;
  absl::MutexLock lock(&children_mutex);
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  Children().erase(pid_);
  status_ = status;
  return status_;
}

std::optional<int> ChildProcess::WaitUntil(MonotonicTime deadline, Clock& clock) {
  while (true) {
    if (std::optional<int> status = TryWait()) return status;
    const MonotonicTime now = clock.Now();
    if (now >= deadline) return std::nullopt;
    clock.SleepUntil(std::min(deadline, now + kWaitStep));
  }
}

void ChildProcess::Terminate() {
  if (!status_.has_value()) kill(pid_, SIGTERM);
}

int ChildProcess::Kill() {
  if (status_.has_value()) return *status_;
  kill(-pid_, SIGKILL);
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  return TryWait().value_or(SIGKILL);
}

std::string DescribeWaitStatus(int status) {
  if (WIFEXITED(status)) return fmt::format("exited with code {}", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char* name = sigabbrev_np(number);
  const char* words = sigdescr_np(number);
  if (name == nullptr || words == nullptr) return fmt::format("was killed by signal {}", number);
  return fmt::format("was killed by SIG{} ({})", name, words);
}

void AdoptOrphans() {
  absl::MutexLock lock(&children_mutex);
  for (const pid_t pid : OwnChildren()) Children().insert(pid);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int KillStrays() {
  // Nobody else reaps strays, so their numbers stay theirs. Not children_mutex: one that the kernel
  // does not let die must not hold up a spawn.
  static absl::Mutex strays_mutex(absl::kConstInit);
  absl::MutexLock lock(&strays_mutex);
  const MonotonicTime limit = RealClock().Now() + kStrayPatience;
  std::set<pid_t> killed;
  for (std::vector<pid_t> strays = FindStrays(); !strays.empty(); strays = FindStrays()) {
    for (const pid_t pid : strays) {
      if (waitpid(pid, nullptr, WNOHANG) != 0) continue;  // it has ended
      kill(pid, SIGKILL);
      killed.insert(pid);
    }
    if (RealClock().Now() >= limit) break;
    RealClock().SleepUntil(RealClock().Now() + kWaitStep);
  }
  return static_cast<int>(killed.size());
}

}  // namespace synergy
