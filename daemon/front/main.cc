// synergyd-front: the part of synergyd that speaks with the network. synergyd starts it, with the
// control channel as descriptor 3, and starts it again when it ends.
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "common/clock.h"
#include "common/unique_fd.h"
#include "daemon/control/control_channel.h"
#include "daemon/front/front_server.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr int kControlFd = 3;
constexpr unsigned kLastResortSeconds = 2;
// The kernel's limit on our data (daemon/control/front_process.cc) counts stacks whole: with its
// default of 8 MiB the threads of all calls would not fit.
constexpr size_t kStackBytes = 2u << 20;

enum ExitCode { kStopped = 0, kFailed = 1, kUsage = 2 };

bool IsControlChannel(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

void SetStackOfThreads() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

// SIGTERM comes through a descriptor. SIGINT is not for us: from a terminal it reaches synergyd as
// well, which ends its job first and then us.
UniqueFd TakeSignals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Returns when the root side is gone or wants us to end.
int WaitForEnd(int signals, const FrontServer& server) {
  pollfd pollers[2] = {{.fd = signals, .events = POLLIN, .revents = 0},
                       {.fd = server.lost_fd(), .events = POLLIN, .revents = 0}};
  while (poll(pollers, 2, -1) <= 0) {
  }
  if (pollers[0].revents != 0) return kStopped;
  spdlog::error("{}", server.lost().ToString());
  return kFailed;
}

int Run() {
  if (!IsControlChannel(kControlFd)) {
    fputs(
        "synergyd-front is started by synergyd, with a control channel as descriptor 3; start "
        "synergyd\n",
        stderr);
    return kUsage;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("synergyd-front"));
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // nobody but root may trace us or read our memory
  SetStackOfThreads();
  const UniqueFd signals = TakeSignals();
  absl::StatusOr<std::unique_ptr<FrontServer>> server =
      FrontServer::Start(std::make_unique<ControlChannel>(UniqueFd(kControlFd)), RealClock());
  if (!server.ok()) {
    spdlog::error("{}", server.status().ToString());
    return kFailed;
  }
  const int code = WaitForEnd(signals.get(), **server);
  // Should gRPC hang in its shutdown, the process still ends.
  alarm(kLastResortSeconds);
  server->reset();
  return code;
}

}  // namespace
}  // namespace synergy

int main() { return synergy::Run(); }
