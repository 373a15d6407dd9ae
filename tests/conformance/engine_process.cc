#include "tests/conformance/engine_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "tests/support/memory_file.h"

namespace synergy {
namespace {

constexpr Nanoseconds kPatience = Seconds(30);
// Above every descriptor that an engine inherits, so that dup2 onto those overwrites none that is
// needed.
constexpr int kHighFd = 100;

void Require(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

UniqueFd High(int fd) {
  UniqueFd high(fcntl(fd, F_DUPFD_CLOEXEC, kHighFd));
  Require(high.ok(), "F_DUPFD_CLOEXEC");
  return high;
}

UniqueFd CreateRing(const RingGeometry& geometry) {
  absl::StatusOr<int> fd = CreateMarkerRing(geometry);
  Require(fd.ok(), "CreateMarkerRing");
  return UniqueFd(*fd);
}

std::vector<std::string> Command(const EngineProcess::Options& options) {
  if (options.launcher.empty()) return {options.engine};
  std::vector<std::string> command = {options.launcher};
  if (geteuid() == 0) {
    for (const char* word : {"--uid", "65534", "--gid", "65534"}) command.emplace_back(word);
  }
  for (const char* word : {"--memory-limit", "4294967296", "--cpu-limit", "60", "--"}) {
    command.emplace_back(word);
  }
  command.push_back(options.engine);
  return command;
}

// Our end of the engine's socket; `outputs` becomes our end of its pipe for outputs.
UniqueFd Spawn(const EngineProcess::Options& options, int ring_fd, pid_t* pid, UniqueFd* outputs) {
  int pair[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  int pipe_ends[2];
  Require(pipe2(pipe_ends, O_CLOEXEC) == 0, "pipe2");
  outputs->reset(pipe_ends[0]);
  const UniqueFd outputs_end(pipe_ends[1]);
  Require(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
  Require(fcntl(pipe_ends[0], F_SETPIPE_SZ, EngineProcess::kMaxOutputs) > 0, "F_SETPIPE_SZ");
  const UniqueFd own_weights = MemoryFile(options.weights);
  const int weights = options.weights_fd >= 0 ? options.weights_fd : own_weights.get();
  const std::array<UniqueFd, 7> inherited = {High(theirs.get()),
                                             High(ring_fd),
                                             High(MemoryFile(options.predict).get()),
                                             High(MemoryFile(options.init).get()),
                                             High(weights),
                                             High(MemoryFile(options.inputs).get()),
                                             High(outputs_end.get())};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  for (size_t i = 0; i < inherited.size(); ++i) {
    posix_spawn_file_actions_adddup2(&actions, inherited[i].get(),
                                     kWorkerControlFd + static_cast<int>(i));
  }
  const std::vector<std::string> command = Command(options);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  errno = posix_spawn(pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  Require(errno == 0, arguments[0]);
  posix_spawn_file_actions_destroy(&actions);
  return ours;
}

}  // namespace

EngineProcess::EngineProcess(const Options& options)
    : ring_fd_(CreateRing(options.ring)),
      control_(Spawn(options, ring_fd_.get(), &pid_, &outputs_)),
      reader_(ring_fd_.get(), options.ring),
      receiver_(control_.get()) {}

EngineProcess::~EngineProcess() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Status EngineProcess::Send(const v1::WorkerCommand& command) {
  return SendFrame(control_.get(), command, RealClock().Now() + kPatience);
}

absl::Status EngineProcess::SendBytes(std::string_view bytes) {
  const ssize_t n = send(control_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return n == static_cast<ssize_t>(bytes.size()) ? absl::OkStatus()
                                                 : absl::UnavailableError("send");
}

void EngineProcess::CloseCommands() { shutdown(control_.get(), SHUT_WR); }

absl::StatusOr<std::optional<v1::WorkerEvent>> EngineProcess::Receive() {
  v1::WorkerEvent event;
  absl::StatusOr<bool> received = receiver_.ReceiveUntrusted(&event, RealClock().Now() + kPatience);
  if (!received.ok()) return received.status();
  if (!*received) return std::optional<v1::WorkerEvent>();
  return std::optional<v1::WorkerEvent>(std::move(event));
}

int EngineProcess::Wait() {
  int status = -1;
  Require(waitpid(pid_, &status, 0) == pid_, "waitpid");
  pid_ = -1;
  return status;
}

std::vector<Marker> EngineProcess::TakeMarkers() {
  std::vector<Marker> markers;
  Require(reader_.DrainUntrusted(&markers).ok(), "draining the ring");
  return markers;
}

std::string EngineProcess::TakeOutputs() {
  std::string taken;
  std::array<char, 65536> buffer;
  for (ssize_t n = 0; (n = read(outputs_.get(), buffer.data(), buffer.size())) > 0;) {
    taken.append(buffer.data(), static_cast<size_t>(n));
  }
  return taken;
}

}  // namespace synergy
