#include "client/commands/interrupts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace synergy {

Interrupts::Interrupts(std::function<void(int)> on_signal, std::initializer_list<int> signals)
    : on_signal_(std::move(on_signal)) {
  sigset_t all;
  sigemptyset(&all);
  for (const int signal : signals) sigaddset(&all, signal);
  pthread_sigmask(SIG_BLOCK, &all, &before_);
  signals_ = UniqueFd(signalfd(-1, &all, SFD_CLOEXEC));
  stop_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  thread_ = std::jthread([this] { Watch(); });
}

Interrupts::~Interrupts() {
  const uint64_t one = 1;
  // An eventfd takes a first 1 always.
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof(one));
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupts::Watch() {
  for (int count = 1;;) {
    pollfd waiting[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    signalfd_siginfo info;
    if (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) on_signal_(count++);
  }
}

}  // namespace synergy
