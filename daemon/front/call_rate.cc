#include "daemon/front/call_rate.h"

#include <algorithm>

namespace synergy {

bool CallRate::Admit(const std::string& caller) {
  const absl::MutexLock lock(&mutex_);
  const MonotonicTime now = clock_.Now();
  Room& room = rooms_.try_emplace(caller, Room{.calls = at_once_, .at = now}).first->second;
  room.calls = std::min(at_once_, room.calls + (now - room.at).seconds() * calls_a_second_);
  room.at = now;
  if (room.calls < 1) return false;
  room.calls -= 1;
  return true;
}

}  // namespace synergy
