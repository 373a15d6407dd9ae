// Notices that nothing comes from a stream any more whose connection still stands.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <thread>

#include "common/clock.h"

namespace synergy {

// A link that loses everything, or a board that hangs, closes no connection. Counts its own looks,
// not the time: a process that was stopped for a while, and with it the stream, was not silent.
class SilenceGuard {
 public:
  // `on_silence` is called once, on a thread of its own, when nothing has come for `patience`.
  SilenceGuard(Nanoseconds patience, std::function<void()> on_silence);
  ~SilenceGuard();
  SilenceGuard(const SilenceGuard&) = delete;
  SilenceGuard& operator=(const SilenceGuard&) = delete;

  // What has come is taken as long as it lives, however long that is. One at a time.
  class Taking {
   public:
    explicit Taking(SilenceGuard& guard) : guard_(guard) { ++guard_.marks_; }
    ~Taking() { ++guard_.marks_; }
    Taking(const Taking&) = delete;
    Taking& operator=(const Taking&) = delete;

   private:
    SilenceGuard& guard_;
  };

  bool silent() const { return silent_; }

 private:
  void Look(std::stop_token stop);

  const Nanoseconds patience_;
  const std::function<void()> on_silence_;
  std::atomic<uint64_t> marks_ = 0;  // odd: something is being taken
  std::atomic<bool> silent_ = false;
  std::jthread thread_;
};

}  // namespace synergy
