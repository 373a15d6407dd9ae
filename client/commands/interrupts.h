// SIGINT and SIGTERM, or others, as calls on a thread, instead of deaths.
#pragma once

#include <signal.h>

#include <functional>
#include <initializer_list>
#include <thread>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

// As long as it lives, the signals are blocked in the thread that made it and in all threads
// that are started after it: make it before anything that starts threads.
class Interrupts {
 public:
  // `on_signal(n)` is called for the n-th signal, from 1, one call at a time, on a thread of its
  // own.
  explicit Interrupts(std::function<void(int)> on_signal,
                      std::initializer_list<int> signals = {SIGINT, SIGTERM});
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  void Watch();

  const std::function<void(int)> on_signal_;
  sigset_t before_;
  UniqueFd signals_;
  UniqueFd stop_;
  std::jthread thread_;
};

}  // namespace synergy
