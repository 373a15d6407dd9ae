#include "client/commands/clock_pin.h"

#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/commands/board_link.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/report/clock_text.h"
#include "common/clock_request.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr int kNoSuchCommand = 127, kSignalled = 128;  // as shells have it
constexpr size_t kMaxLineBytes = 1000;                 // of what the board says

absl::Status Usage(std::string text) {
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(std::move(text)));
}

// "ann@lab (clocks pin -- ./bench.sh)"
std::string Holder(const PinOptions& options) {
  std::array<char, 256> host = {};
  gethostname(host.data(), host.size() - 1);
  const passwd* user = getpwuid(geteuid());
  return fmt::format("{}@{} (clocks pin -- {})", user == nullptr ? "somebody" : user->pw_name,
                     host.data(), options.command[0]);
}

// The lease, held by a thread of its own.
class Holding {
 public:
  Holding(std::shared_ptr<DeviceClient> client, v1::HoldClocksRequest request)
      : client_(std::move(client)), request_(std::move(request)), thread_([this] { Hold(); }) {}

  // What was obtained, or why nothing.
  absl::StatusOr<v1::ClockLease> Await() ABSL_LOCKS_EXCLUDED(mutex_) {
    const auto known = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return lease_.has_value() || ended_.has_value();
    };
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&known));
    if (lease_.has_value()) return *lease_;
    return *ended_;
  }
  void Stop() { stop_.request_stop(); }
  // Ends it and returns when the board has put everything back. An error: it has not, or the lease
  // had been lost before, or nobody knows. Not before Await.
  absl::Status End() ABSL_LOCKS_EXCLUDED(mutex_) {
    stop_.request_stop();
    thread_.join();
    const absl::MutexLock lock(&mutex_);
    if (!lease_.has_value()) return *ended_;
    for (const std::string& line : released_.left()) PrintNote(Printable(line, kMaxLineBytes));
    if (absl::IsCancelled(*ended_)) {
      return absl::UnavailableError(
          "The board has not said whether its clocks were put back: synergyctl clocks shows them");
    }
    if (!ended_->ok()) return *ended_;
    if (released_.left().empty()) return absl::OkStatus();
    return absl::DataLossError(
        "Not everything is as it was before the clocks were held, as said above; synergyctl clocks "
        "shows what can still be put back, and how");
  }

 private:
  void Hold() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Status ended = client_->HoldClocks(request_,
                                                   {.on_lease =
                                                        [this](const v1::ClockLease& lease) {
                                                          const absl::MutexLock lock(&mutex_);
                                                          lease_ = lease;
                                                        },
                                                    .on_release =
                                                        [this](const v1::ClockRelease& released) {
                                                          const absl::MutexLock lock(&mutex_);
                                                          released_ = released;
                                                        }},
                                                   stop_.get_token());
    const absl::MutexLock lock(&mutex_);
    ended_ = ended;
    if (ended.ok() && !stop_.stop_requested()) {
      ended_ = absl::UnavailableError("Somebody has ended the lease");
    }
    if (lease_.has_value() && !stop_.stop_requested()) {
      PrintNote(fmt::format("the clocks are no longer held, while the command goes on: {}",
                            std::string(ended_->message())));
    }
  }

  const std::shared_ptr<DeviceClient> client_;
  const v1::HoldClocksRequest request_;
  std::stop_source stop_;
  absl::Mutex mutex_;
  std::optional<v1::ClockLease> lease_ ABSL_GUARDED_BY(mutex_);
  v1::ClockRelease released_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

// The command's pid. It gets this process's terminal and `signals` as its mask.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command, const sigset_t& signals) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments[0], nullptr, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  return Ending(static_cast<ExitCode>(kNoSuchCommand),
                absl::NotFoundError(fmt::format("Starting {}: {}", command[0], strerror(error))));
}

absl::Status Wait(pid_t pid, const std::string& name) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  const int code = WIFSIGNALED(status) ? kSignalled + WTERMSIG(status) : WEXITSTATUS(status);
  return Ending(static_cast<ExitCode>(code),
                absl::AbortedError(fmt::format("{} ended with {}", name, code)));
}

// Ctrl-C at a terminal reaches the command by itself.
void PassOn(pid_t command, int nth) {
  const bool at_terminal = tcgetpgrp(STDIN_FILENO) == getpgrp();
  if (command > 0 && (!at_terminal || nth > 1)) kill(command, SIGTERM);
}

struct Interrupted {
  std::atomic<bool> yes = false;
  std::atomic<pid_t> command = 0;           // 0: none runs
  std::atomic<Holding*> waiting = nullptr;  // for the lease

  void OnSignal(int nth) {
    yes = true;
    if (Holding* holding = waiting) holding->Stop();
    PassOn(command, nth);
  }
};

absl::Status RunUnder(const PinOptions& options, Holding& holding, const v1::ClockLease& lease,
                      const sigset_t& signals, Interrupted& interrupted) {
  PrintNote(fmt::format("holding the clocks: {}{}", DescribeClockRequest(lease.asked()),
                        lease.simulated() ? fmt::format(" ({})", kSimulatedClocks) : ""));
  for (const std::string& line : DescribeDifferences(lease)) PrintNote(line);
  for (const std::string& line : lease.notes()) PrintNote(Printable(line, kMaxLineBytes));
  const absl::StatusOr<pid_t> pid = Spawn(options.command, signals);
  absl::Status result = pid.status();
  if (pid.ok()) {
    interrupted.command = *pid;
    // A signal that came before it could be passed on.
    if (interrupted.yes) kill(*pid, SIGTERM);
    result = Wait(*pid, options.command[0]);
    interrupted.command = 0;
  }
  const absl::Status ended = holding.End();
  if (ended.ok()) return result;
  if (!result.ok()) PrintError(ended);
  return result.ok() ? Ending(ExitCode::kPartial, ended) : result;
}

}  // namespace

absl::Status PinClocks(const PinOptions& options) {
  if (AsksForNothing(options.clocks)) {
    return Usage("name what to hold: --cpu, --gpu, --memory, --governor, --boost, --fan or --cpus");
  }
  if (options.command.empty()) {
    return Usage("name the command behind --: synergyctl clocks pin --cpu max -- COMMAND");
  }
  sigset_t signals;
  pthread_sigmask(SIG_BLOCK, nullptr, &signals);
  Interrupted interrupted;
  const Interrupts interrupts([&](int nth) { interrupted.OnSignal(nth); });
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  v1::HoldClocksRequest request;
  *request.mutable_clocks() = options.clocks;
  request.set_holder(Holder(options));
  request.set_limit_s(options.limit_s);
  Holding holding((*link)->client(), std::move(request));
  interrupted.waiting = &holding;
  if (interrupted.yes) holding.Stop();
  const absl::StatusOr<v1::ClockLease> lease = holding.Await();
  interrupted.waiting = nullptr;
  if (lease.ok() && !interrupted.yes) {
    return RunUnder(options, holding, *lease, signals, interrupted);
  }
  holding.End().IgnoreError();
  if (interrupted.yes) return absl::CancelledError("interrupted before the command was started");
  return absl::IsInvalidArgument(lease.status()) ? Ending(ExitCode::kUsage, lease.status())
                                                 : FromDevice(lease.status());
}

}  // namespace synergy
