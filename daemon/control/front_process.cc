#include "daemon/control/front_process.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/child_process.h"
#include "common/files.h"
#include "common/protocol.h"
#include "daemon/jobs/process_usage.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// Connections, their runs' files, nets that are being received.
constexpr int kFileLimit = 4096;
// Threads of gRPC; those of other daemons' fronts count too.
constexpr int kProcessLimit = 4096;

// As the kernel's own limit, should it grow faster than we look. Stacks count whole, 2 MiB for each
// thread (daemon/front/main.cc), of which there may be 360 by TCP.
constexpr uint64_t kDataLimitBytes = uint64_t{3} << 30;
constexpr absl::Duration kMemoryPeriod = absl::Milliseconds(100);

constexpr Nanoseconds kFlushPatience = Milliseconds(300);

std::vector<std::string> LauncherArguments(const FrontOptions& options) {
  std::vector<std::string> arguments = {"--parent",        fmt::format("{}", getpid()),
                                        "--fds",           "1",
                                        "--file-limit",    fmt::format("{}", kFileLimit),
                                        "--process-limit", fmt::format("{}", kProcessLimit),
                                        "--write-limit",   fmt::format("{}", kMaxNetBytes),
                                        "--memory-limit",  fmt::format("{}", kDataLimitBytes)};
  if (options.user.has_value()) {
    for (const std::string& word : {std::string("--uid"), fmt::format("{}", options.user->uid),
                                    std::string("--gid"), fmt::format("{}", options.user->gid)}) {
      arguments.push_back(word);
    }
  }
  arguments.emplace_back("--");
  arguments.push_back(options.executable);
  return arguments;
}

uint64_t ResidentBytes(pid_t pid) {
  const auto status = ReadFile(fmt::format("/proc/{}/status", pid), 16 << 10);
  return NumberOfLine(status.value_or(""), "VmRSS") << 10;
}

// Kills the process group of `pid` when it has more than `limit`. Returns at `end`, before which
// the process is not reaped.
void WatchMemory(pid_t pid, uint64_t limit, const absl::Notification& end) {
  while (!end.WaitForNotificationWithTimeout(kMemoryPeriod)) {
    const uint64_t resident = ResidentBytes(pid);
    if (resident <= limit) continue;
    spdlog::error("synergyd-front uses {} MiB of memory, more than {}: killing it", resident >> 20,
                  limit >> 20);
    kill(-pid, SIGKILL);
    return;
  }
}

}  // namespace

FrontProcess::FrontProcess(FrontOptions options, ControlServer& server)
    : options_(std::move(options)), server_(server) {}

FrontProcess::~FrontProcess() { Stop(); }

void FrontProcess::Start() {
  {
    absl::MutexLock lock(&mutex_);
    ended_ = false;
  }
  thread_ = std::jthread([this] { Run(); });
}

void FrontProcess::Stop() {
  server_.Flush(kFlushPatience);  // how the last job ended
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (pid_.has_value()) kill(*pid_, SIGTERM);
    mutex_.AwaitWithTimeout(absl::Condition(&ended_),
                            absl::Nanoseconds(options_.end_patience.count));
    // Then whatever holds the thread up ends with the front.
    if (pid_.has_value()) kill(-*pid_, SIGKILL);
  }
  server_.Shutdown();
  if (thread_.joinable()) thread_.join();
}

std::optional<pid_t> FrontProcess::pid() const {
  absl::MutexLock lock(&mutex_);
  return pid_;
}

bool FrontProcess::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void FrontProcess::SetPid(std::optional<pid_t> pid) {
  absl::MutexLock lock(&mutex_);
  pid_ = pid;
}

void FrontProcess::Wait(Nanoseconds time) {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopping_), absl::Nanoseconds(time.count));
}

void FrontProcess::Run() {
  Nanoseconds backoff = options_.backoff_min;
  while (!stopping()) {
    const MonotonicTime begin = RealClock().Now();
    RunOne();
    if (stopping()) break;
    if (RealClock().Now() - begin >= kSteadyLife) backoff = options_.backoff_min;
    Wait(backoff);
    backoff = std::min(backoff * 2, options_.backoff_max);
  }
  absl::MutexLock lock(&mutex_);
  ended_ = true;
}

absl::Status FrontProcess::ServeWatched(pid_t pid, UniqueFd channel) {
  absl::Notification end;
  const std::jthread watch([&] { WatchMemory(pid, options_.memory_limit_bytes, end); });
  absl::Status why = server_.Serve(std::move(channel));
  end.Notify();
  return why;
}

void FrontProcess::RunOne() {
  auto pair = ControlChannel::Pair();
  if (!pair.ok()) return spdlog::error("{}", pair.status().ToString());
  auto& [ours, theirs] = *pair;
  auto child = ChildProcess::Spawn(
      {.path = options_.launcher, .arguments = LauncherArguments(options_), .fds = {theirs.get()}});
  if (!child.ok()) return spdlog::error("{}", child.status().ToString());
  theirs.reset();
  SetPid((*child)->pid());
  const absl::Status why = ServeWatched((*child)->pid(), std::move(ours));
  // Its channel has ended; a front that lives on ends its clients' calls first.
  const MonotonicTime patience = RealClock().Now() + options_.end_patience;
  while (!(*child)->HasEnded() && RealClock().Now() < patience) {
    RealClock().SleepUntil(RealClock().Now() + Milliseconds(2));
  }
  SetPid(std::nullopt);
  const bool ended = (*child)->HasEnded();
  const int status = (*child)->Kill();
  if (stopping()) return;
  spdlog::error("synergyd-front {} ({}); starting it again",
                ended ? DescribeWaitStatus(status) : "was killed", why.ToString());
}

}  // namespace synergy
