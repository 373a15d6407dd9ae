// Calls that wait for a client that says nothing.
#include "daemon/front/silent_calls.h"

#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"

namespace synergy {
namespace {

TEST(SilentCalls, AWaitThatTakesTooLongIsEndedOnce) {
  SilentCalls calls(Milliseconds(1));
  absl::Notification ended;
  const SilentCalls::Wait wait(calls, [&ended] { ended.Notify(); });  // twice would abort
  ended.WaitForNotification();
  absl::Notification other_ended;
  const SilentCalls::Wait other(calls, [&other_ended] { other_ended.Notify(); });
  other_ended.WaitForNotification();
}

TEST(SilentCalls, AWaitWithinThePatienceIsLeftAlone) {
  SilentCalls calls(Seconds(3600));
  for (int i = 0; i < 100; ++i) {
    const SilentCalls::Wait wait(calls, [] { FAIL() << "it was ended"; });
  }
}

}  // namespace
}  // namespace synergy
