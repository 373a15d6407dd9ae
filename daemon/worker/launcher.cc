// synergy-launcher: takes away every privilege of the process that it is, then becomes an engine or
// synergyd-front.
//
// synergyd is threaded and must not fork; it starts this program by posix_spawn from a permanent
// thread (the parent-death signal fires when the *thread* that spawned ends), and this program,
// single-threaded, does what has to be done between fork and exec.
//
//   synergy-launcher [flags] -- PATH [ARGUMENT...]     (launch_options.h)
//
// All descriptors that are not handed on are closed. PATH is opened before the user changes, so it
// may lie in a folder that only root can enter. It must be a binary: a script's interpreter could
// not open it again. Exit status: 126 when something could not
// be prepared, 127 when PATH could not be executed; the reason is on stderr.

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "daemon/worker/launch_error.h"
#include "daemon/worker/launch_options.h"

namespace synergy {
namespace {

constexpr int kFirstFd = 3;
constexpr int kExecutableFd = kFirstFd + kMaxInheritedFds;
// What address space an engine may reserve beyond its memory limit where only RLIMIT_AS can hold
// it: code, stacks and 64 MiB of arena for each of up to 16 threads.
constexpr rlim_t kReservationBytes = rlim_t{2} << 30;

// Opened while we may still enter its folder, at a place of its own.
void OpenExecutable(const char* path) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) Fail(kExitNotExecuted, "opening %s: %s", path, std::strerror(errno));
  struct stat file {};
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
    Fail(kExitNotExecuted, "%s is no regular file", path);
  }
  if (fd != kExecutableFd) Require(dup3(fd, kExecutableFd, O_CLOEXEC) >= 0, "dup3");
}

// Writes a file of the kernel's.
bool WriteKernelFile(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  close(fd);
  errno = error;
  return written;
}

void CloseFrom(unsigned first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0u, 0) == 0) return;
#endif
  // Kernels before 5.9.
  rlimit files{};
  Require(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
  const rlim_t end = files.rlim_cur == RLIM_INFINITY ? rlim_t{1} << 20 : files.rlim_cur;
  for (rlim_t fd = first; fd < end; ++fd) close(static_cast<int>(fd));
}

void Limit(__rlimit_resource resource, rlim_t value, const char* name, rlim_t grace = 0) {
  rlimit now{};
  Require(getrlimit(resource, &now) == 0, name);
  const rlim_t hard = std::min(now.rlim_max, value + grace);  // only root may raise one
  const rlimit wanted{.rlim_cur = std::min(hard, value), .rlim_max = hard};
  Require(setrlimit(resource, &wanted) == 0, name);
}

bool KernelCountsMappingsAsData() {  // since 4.7; before, RLIMIT_DATA is the heap alone
  utsname name{};
  int major = 0;
  int minor = 0;
  return uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
         (major > 4 || (major == 4 && minor >= 7));
}

// A sanitizer reserves terabytes as data; its builds are for tests, and have no memory limit.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

void SetLimits(const LaunchOptions& o) {
  Limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
  Limit(RLIMIT_FSIZE, o.write_limit, "RLIMIT_FSIZE");  // an engine maps its ring and writes no file
  Limit(RLIMIT_NOFILE, o.file_limit, "RLIMIT_NOFILE");
  if (o.uid.has_value()) Limit(RLIMIT_NPROC, o.process_limit, "RLIMIT_NPROC");
  // SIGXCPU, which tells the cause, comes a little before SIGKILL, which would not.
  if (o.cpu_limit_s.has_value()) Limit(RLIMIT_CPU, *o.cpu_limit_s, "RLIMIT_CPU", 2);
  if (!kLimitsMemory || !o.memory_limit.has_value()) return;
  // Not RLIMIT_AS where it can be avoided: libraries reserve far more address space than they use.
  Limit(RLIMIT_DATA, *o.memory_limit, "RLIMIT_DATA");
  if (!KernelCountsMappingsAsData()) {
    Limit(RLIMIT_AS, *o.memory_limit + kReservationBytes, "RLIMIT_AS");
  }
}

void ChangeUser(const LaunchOptions& o) {
  if (!o.uid.has_value()) return;
  if (geteuid() == 0) Require(setgroups(0, nullptr) == 0, "setgroups");
  Require(setresgid(*o.gid, *o.gid, *o.gid) == 0, "setresgid");
  Require(setresuid(*o.uid, *o.uid, *o.uid) == 0, "setresuid");
  if (setresuid(0, 0, 0) == 0) Fail(kExitNotPrepared, "user %u can become root again", *o.uid);
}

// What a parent blocked or ignored is no business of the engine's. A log that is a plain file loses
// lines (RLIMIT_FSIZE); it does not kill the engine.
void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  signal(SIGXFSZ, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  Require(sigprocmask(SIG_SETMASK, &none, nullptr) == 0, "sigprocmask");
}

// Comes after the change of user, which clears the signal.
void TieToParent(pid_t parent) {
  Require(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "PR_SET_PDEATHSIG");
  if (getppid() != parent) Fail(kExitNotPrepared, "process %d, the parent, has ended", parent);
}

std::vector<std::string> Environment() {
  // OpenBLAS starts a thread per CPU when it is loaded, unless it is told otherwise; an engine asks
  // for the threads of its job afterwards.
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C",
                                          "OPENBLAS_NUM_THREADS=1"};
  for (const char* name : {"OPENBLAS_CORETYPE", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name))
      environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

[[noreturn]] void Execute(char** command) {
  std::vector<std::string> environment = Environment();
  std::vector<char*> pointers;
  for (std::string& variable : environment) pointers.push_back(variable.data());
  pointers.push_back(nullptr);
  fexecve(kExecutableFd, command, pointers.data());
  const int error = errno;
  const char* remedy = "";
  if (error == EACCES) remedy = "; it must be executable for everyone (chmod o+rx)";
  // The file is there, it is open. What "#!" names would get a descriptor that is closed by then.
  if (error == ENOENT) {
    remedy =
        "; the file is there, but it is a script or its dynamic loader is not there: an engine is "
        "an ELF executable for this board";
  }
  Fail(kExitNotExecuted, "executing %s as user %u: %s%s", command[0], getuid(),
       std::strerror(error), remedy);
}

void Launch(int argc, char** argv) {
  const pid_t parent = getppid();
  const LaunchOptions options = ParseOptions(argc, argv);
  // Its own session: no terminal, and one process group that can be killed as a whole. Fails only
  // where it is a group's leader already, which is as good.
  if (setsid() < 0) Require(getpgrp() == getpid(), "setsid");
  OpenExecutable(options.command[0]);
  for (int fd = kFirstFd + options.fds; fd < kExecutableFd; ++fd) close(fd);
  CloseFrom(kExecutableFd + 1);
  if (options.cgroup != nullptr) {
    Require(WriteKernelFile(std::string(options.cgroup) + "/cgroup.procs", "0"), options.cgroup);
  }
  if (options.oom_score_adj.has_value()) {
    Require(WriteKernelFile("/proc/self/oom_score_adj", std::to_string(*options.oom_score_adj)),
            "--oom-score-adj");
  }
  if (options.cpus.has_value()) {
    Require(sched_setaffinity(0, sizeof(cpu_set_t), &*options.cpus) == 0, "--cpus");
  }
  Require(chdir("/") == 0, "chdir /");
  umask(077);
  SetLimits(options);
  ChangeUser(options);
  Require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");
  ResetSignals();
  TieToParent(options.parent.value_or(parent));
  Execute(options.command);
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { synergy::Launch(argc, argv); }
