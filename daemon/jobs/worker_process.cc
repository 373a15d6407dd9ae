#include "daemon/jobs/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/descriptors.h"
#include "common/files.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr size_t kHalfLog = WorkerProcess::kMaxLogBytes / 2;
constexpr size_t kMaxLineBytes = 200;
constexpr uint64_t kUsualFiles = 64;    // as synergy-launcher has it
constexpr size_t kPipeBytes = 1 << 20;  // the most that a pipe holds: 16 pages, of 64 KiB at most

std::vector<std::string> LauncherArguments(const WorkerSpec& spec) {
  std::vector<std::string> arguments = {"--parent", fmt::format("{}", getpid())};
  const auto add = [&](const char* flag, std::string value) {
    arguments.emplace_back(flag);
    arguments.push_back(std::move(value));
  };
  if (spec.user.has_value()) {
    add("--uid", fmt::format("{}", spec.user->uid));
    add("--gid", fmt::format("{}", spec.user->gid));
  }
  if (!spec.cpus.empty()) add("--cpus", fmt::format("{}", fmt::join(spec.cpus, ",")));
  if (spec.memory_limit > 0) add("--memory-limit", fmt::format("{}", spec.memory_limit));
  if (spec.cpu_limit_s > 0) add("--cpu-limit", fmt::format("{}", spec.cpu_limit_s));
  if (spec.more_files > 0) {
    add("--file-limit", fmt::format("{}", kUsualFiles + spec.more_files));
  }
  add("--oom-score-adj", "1000");  // rather the engine than the daemon
  if (!spec.cgroup.empty()) add("--cgroup", spec.cgroup);
  arguments.emplace_back("--");
  arguments.push_back(spec.executable);
  return arguments;
}

}  // namespace

uint64_t EngineMemoryLimit() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0
             ? static_cast<uint64_t>(pages) / 4 * 3 * static_cast<uint64_t>(page_bytes)
             : 0;
}

WorkerProcess::WorkerProcess(UniqueFd control, UniqueFd log_pipe, UniqueFd outputs_pipe,
                             std::unique_ptr<ChildProcess> child)
    : control_(std::move(control)),
      log_pipe_(std::move(log_pipe)),
      outputs_pipe_(std::move(outputs_pipe)),
      receiver_(control_.get()),
      child_(std::move(child)) {}

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Spawn(const WorkerSpec& spec,
                                                                    int ring_fd, int predict_fd,
                                                                    int init_fd,
                                                                    const TensorFiles& tensors) {
  const absl::StatusOr<UniqueFd> nothing = OpenForReading("/dev/null");
  if (!nothing.ok()) return nothing.status();
  const auto given = [&](int fd) { return fd >= 0 ? fd : nothing->get(); };
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return FileError("Creating a socket for", spec.executable, errno);
  }
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  if (pipe2(pair, O_CLOEXEC) != 0) {
    return FileError("Creating a pipe for the log of", spec.executable, errno);
  }
  UniqueFd log_pipe(pair[0]);
  const UniqueFd log_end(pair[1]);
  fcntl(log_pipe.get(), F_SETFL, O_NONBLOCK);
  if (pipe2(pair, O_CLOEXEC) != 0) {
    return FileError("Creating a pipe for the outputs of", spec.executable, errno);
  }
  UniqueFd outputs_pipe(pair[0]);
  const UniqueFd outputs_end(pair[1]);
  fcntl(outputs_pipe.get(), F_SETFL, O_NONBLOCK);

  ChildSpec child;
  child.path = spec.launcher;
  child.arguments = LauncherArguments(spec);
  child.fds = {theirs.get(),
               ring_fd,
               predict_fd,
               init_fd,  // common/worker_protocol.h
               given(tensors.weights),
               given(tensors.inputs),
               outputs_end.get()};
  child.log_fd = log_end.get();
  absl::StatusOr<std::unique_ptr<ChildProcess>> started = ChildProcess::Spawn(child);
  if (!started.ok()) return started.status();
  return std::unique_ptr<WorkerProcess>(new WorkerProcess(
      std::move(ours), std::move(log_pipe), std::move(outputs_pipe), std::move(*started)));
}

absl::Status WorkerProcess::Send(const v1::WorkerCommand& command, MonotonicTime deadline) {
  return SendFrame(control_.get(), command, deadline);
}

absl::Status WorkerProcess::SendFds(std::span<const int> fds) {
  return synergy::SendFds(control_.get(), fds);
}

absl::StatusOr<std::optional<v1::WorkerEvent>> WorkerProcess::NextEvent() {
  v1::WorkerEvent event;
  // A deadline that has passed: it takes what is there and does not wait.
  const absl::StatusOr<bool> received = receiver_.ReceiveUntrusted(&event, MonotonicTime{0});
  if (absl::IsDeadlineExceeded(received.status())) return std::nullopt;
  if (!received.ok()) return received.status();
  if (!*received) return absl::UnavailableError("the engine closed its connection");
  return event;
}

void WorkerProcess::Wait(MonotonicTime deadline, int cancel_fd, Clock& clock) {
  // poll passes over negative descriptors.
  const int outputs_fd = outputs_file_ >= 0 ? outputs_pipe_.get() : -1;
  pollfd pollers[4] = {{.fd = control_.get(), .events = POLLIN, .revents = 0},
                       {.fd = cancel_fd, .events = POLLIN, .revents = 0},
                       {.fd = log_pipe_.get(), .events = POLLIN, .revents = 0},
                       {.fd = outputs_fd, .events = POLLIN, .revents = 0}};
  const Nanoseconds left = deadline - clock.Now();
  const int64_t left_ms = std::max<int64_t>((left.count + 999'999) / 1'000'000, 0);
  poll(pollers, 4, static_cast<int>(std::min<int64_t>(left_ms, 1000)));
  if (pollers[2].revents != 0) ReadLog();
  if (pollers[3].revents != 0) ReadOutputs();
}

void WorkerProcess::CaptureOutputs(int fd, uint64_t max_bytes) {
  outputs_file_ = fd;
  max_captured_bytes_ = max_bytes;
}

absl::StatusOr<uint64_t> WorkerProcess::FinishOutputs() {
  ReadOutputs();
  outputs_file_ = -1;
  if (!capture_.ok()) return capture_;
  return captured_bytes_;
}

// No more in one go than a pipe can hold. What cannot be kept is read nevertheless: the engine
// would wait for ever, and its end would be taken for a hang.
void WorkerProcess::ReadOutputs() {
  char buffer[16 << 10];
  for (size_t taken = 0; taken < kPipeBytes && outputs_pipe_.ok();) {
    const ssize_t n = read(outputs_pipe_.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return outputs_pipe_.reset();
    taken += static_cast<size_t>(n);
    captured_bytes_ += static_cast<uint64_t>(n);
    if (!capture_.ok()) continue;
    if (captured_bytes_ > max_captured_bytes_) {
      capture_ = absl::ResourceExhaustedError(fmt::format(
          "the outputs have more than {} bytes; use a smaller batch", max_captured_bytes_));
    } else {
      capture_ = WriteAll(outputs_file_, {buffer, static_cast<size_t>(n)}, "the outputs");
    }
  }
}

void WorkerProcess::ReadLog() {
  char buffer[4096];
  // No more in one go than a pipe holds, so that an engine that never stops talking holds up
  // nobody.
  for (size_t taken = 0; taken < kMaxLogBytes && log_pipe_.ok();) {
    const ssize_t n = read(log_pipe_.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return log_pipe_.reset();
    taken += static_cast<size_t>(n);
    std::string_view part(buffer, static_cast<size_t>(n));
    const size_t head = std::min(part.size(), kHalfLog - log_head_.size());
    log_head_.append(part.substr(0, head));
    log_tail_.append(part.substr(head));
    if (log_tail_.size() <= kHalfLog) continue;
    log_lost_ += log_tail_.size() - kHalfLog;
    log_tail_.erase(0, log_tail_.size() - kHalfLog);
  }
}

std::string WorkerProcess::log() {
  ReadLog();
  if (log_lost_ == 0) return log_head_ + log_tail_;
  return fmt::format("{}\n... {} bytes left out ...\n{}", log_head_, log_lost_, log_tail_);
}

std::string WorkerProcess::last_log_line() {
  std::string text = log();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return Printable(text.substr(text.rfind('\n') + 1), kMaxLineBytes);
}

}  // namespace synergy
