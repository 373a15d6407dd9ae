#include "client/net/silence_guard.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace synergy {
namespace {

constexpr int kLooks = 8;  // within the patience

}  // namespace

SilenceGuard::SilenceGuard(Nanoseconds patience, std::function<void()> on_silence)
    : patience_(patience), on_silence_(std::move(on_silence)) {
  thread_ = std::jthread([this](std::stop_token stop) { Look(std::move(stop)); });
}

SilenceGuard::~SilenceGuard() {
  thread_.request_stop();
  thread_.join();
}

void SilenceGuard::Look(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any end;
  std::unique_lock lock(mutex);
  uint64_t seen = marks_;
  for (int quiet = 0; quiet < kLooks;) {
    end.wait_for(lock, stop, std::chrono::nanoseconds(patience_.count / kLooks),
                 [] { return false; });
    if (stop.stop_requested()) return;
    const uint64_t now = marks_;
    const bool heard = std::exchange(seen, now) != now || now % 2 == 1;
    quiet = heard ? 0 : quiet + 1;
  }
  silent_ = true;
  on_silence_();
}

}  // namespace synergy
