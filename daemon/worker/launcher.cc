// synergy-launcher: takes away every privilege of the process that it is, then becomes an engine or
// synergyd-front.
//
// synergyd is threaded and must not fork; it starts this program by posix_spawn from a permanent
// thread (the parent-death signal fires when the *thread* that spawned ends), and this program,
// single-threaded, does what has to be done between fork and exec.
//
//   synergy-launcher [flags] -- PATH [ARGUMENT...]
//     --parent PID        end if the parent is not (or no longer) this process
//     --uid N --gid N     run as this user; needed when root, which engines never are
//     --cpus 1,3          run on these CPUs only
//     --memory-limit B    bytes of private memory
//     --cpu-limit S       seconds of CPU time, over all threads
//     --file-limit N      open files, 64 by default
//     --write-limit B     bytes of the longest file that it may write, shared memory included (by
//     write
//                         and ftruncate; not by a mapping); 0 by default
//     --process-limit N   processes and threads of the user, 256 by default; only with --uid, since
//     a
//                         person's own user has other processes, which would count
//
//     --fds N             descriptors handed on beside 0 to 2: 3 to 2 + N, 7 by default
//                         (common/worker_protocol.h)
//     --oom-score-adj N   1000: the first that the kernel kills when memory runs out
//     --cgroup PATH       join this cgroup (v2)
//
// All other descriptors are closed. PATH is
// opened before the user changes, so it may lie in a folder that only root can enter. It must be a
// binary: a script's interpreter could not open it again. Exit status: 126 when something could not
// be prepared, 127 when PATH could not be executed; the reason is on stderr.

#include <fcntl.h>
#include <getopt.h>
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
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace synergy {
namespace {

constexpr int kFirstFd = 3;
constexpr int kMaxFds = 7;  // what an engine inherits
constexpr int kExecutableFd = kFirstFd + kMaxFds;
constexpr int kExitNotPrepared = 126;
constexpr int kExitNotExecuted = 127;
// What address space an engine may reserve beyond its memory limit where only RLIMIT_AS can hold
// it: code, stacks and 64 MiB of arena for each of up to 16 threads.
constexpr rlim_t kReservationBytes = rlim_t{2} << 30;

struct Options {
  std::optional<pid_t> parent;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<cpu_set_t> cpus;
  std::optional<rlim_t> memory_limit;
  std::optional<rlim_t> cpu_limit_s;
  int fds = kMaxFds;
  std::optional<int> oom_score_adj;
  const char* cgroup = nullptr;
  rlim_t file_limit = 64;
  rlim_t write_limit = 0;
  rlim_t process_limit = 256;
  char** command = nullptr;
};

[[noreturn, gnu::format(printf, 2, 3)]] void Fail(int status, const char* format, ...) {
  std::fputs("synergy-launcher: ", stderr);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::exit(status);
}

void Require(bool ok, const char* what) {
  if (!ok) Fail(kExitNotPrepared, "%s: %s", what, std::strerror(errno));
}

unsigned long long ParseNumber(const char* flag, const char* text, unsigned long long limit) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > limit) {
    Fail(kExitNotPrepared, "%s %s: must be a whole number up to %llu", flag, text, limit);
  }
  return value;
}

cpu_set_t ParseCpus(const char* text) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string item;
  for (const char* p = text;; ++p) {
    if (*p != ',' && *p != '\0') {
      item += *p;
      continue;
    }
    CPU_SET(ParseNumber("--cpus", item.c_str(), CPU_SETSIZE - 1), &set);
    item.clear();
    if (*p == '\0') return set;
  }
}

Options ParseOptions(int argc, char** argv) {
  constexpr option kFlags[] = {{"parent", required_argument, nullptr, 'p'},
                               {"uid", required_argument, nullptr, 'u'},
                               {"gid", required_argument, nullptr, 'g'},
                               {"cpus", required_argument, nullptr, 'c'},
                               {"memory-limit", required_argument, nullptr, 'm'},
                               {"cpu-limit", required_argument, nullptr, 't'},
                               {"file-limit", required_argument, nullptr, 'f'},
                               {"write-limit", required_argument, nullptr, 'w'},
                               {"process-limit", required_argument, nullptr, 'n'},
                               {"fds", required_argument, nullptr, 'd'},
                               {"oom-score-adj", required_argument, nullptr, 'o'},
                               {"cgroup", required_argument, nullptr, 'G'},
                               {nullptr, 0, nullptr, 0}};
  constexpr unsigned long long kIdLimit = 0xFFFFFFFE;  // the last one means "leave as it is"
  constexpr unsigned long long kSizeLimit = 1ull << 62;
  Options o;
  for (int flag = 0; (flag = getopt_long(argc, argv, "+", kFlags, nullptr)) != -1;) {
    switch (flag) {
      case 'p':
        o.parent = static_cast<pid_t>(ParseNumber("--parent", optarg, 1 << 30));
        break;
      case 'u':
        o.uid = static_cast<uid_t>(ParseNumber("--uid", optarg, kIdLimit));
        break;
      case 'g':
        o.gid = static_cast<gid_t>(ParseNumber("--gid", optarg, kIdLimit));
        break;
      case 'c':
        o.cpus = ParseCpus(optarg);
        break;
      case 'm':
        o.memory_limit = ParseNumber("--memory-limit", optarg, kSizeLimit);
        break;
      case 't':
        o.cpu_limit_s = ParseNumber("--cpu-limit", optarg, kSizeLimit);
        break;
      case 'f':
        o.file_limit = ParseNumber("--file-limit", optarg, 1 << 20);
        break;
      case 'w':
        o.write_limit = ParseNumber("--write-limit", optarg, kSizeLimit);
        break;
      case 'n':
        o.process_limit = ParseNumber("--process-limit", optarg, 1 << 20);
        break;
      case 'd':
        o.fds = static_cast<int>(ParseNumber("--fds", optarg, kMaxFds));
        break;
      case 'o':
        o.oom_score_adj = static_cast<int>(ParseNumber("--oom-score-adj", optarg, 1000));
        break;
      case 'G':
        o.cgroup = optarg;
        break;
      default:
        Fail(kExitNotPrepared, "usage: synergy-launcher [flags] -- PATH [ARGUMENT...]");
    }
  }
  if (optind >= argc) Fail(kExitNotPrepared, "no program to start was named after --");
  o.command = argv + optind;
  if (o.uid.has_value() != o.gid.has_value()) Fail(kExitNotPrepared, "--uid and --gid go together");
  if (o.uid == uid_t{0} || (geteuid() == 0 && !o.uid.has_value())) {
    Fail(kExitNotPrepared, "engines do not run as root; name another user with --uid and --gid");
  }
  return o;
}

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

void SetLimits(const Options& o) {
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

void ChangeUser(const Options& o) {
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
  const Options options = ParseOptions(argc, argv);
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
