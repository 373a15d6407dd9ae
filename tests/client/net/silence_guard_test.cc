#include "client/net/silence_guard.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>

namespace synergy {
namespace {

constexpr Nanoseconds kPatience = Milliseconds(80);

// Until `what`, or for ten seconds.
bool Await(const std::function<bool()>& what) {
  Clock& clock = RealClock();
  for (const MonotonicTime limit = clock.Now() + Seconds(10); !what();) {
    if (clock.Now() > limit) return false;
    clock.SleepUntil(clock.Now() + Milliseconds(2));
  }
  return true;
}

void Sleep(Nanoseconds span) { RealClock().SleepUntil(RealClock().Now() + span); }

TEST(SilenceGuard, CallsOnceWhereNothingComes) {
  std::atomic<int> calls = 0;
  SilenceGuard guard(kPatience, [&calls] { ++calls; });
  ASSERT_TRUE(Await([&] { return calls > 0; }));
  EXPECT_TRUE(guard.silent());
  Sleep(Milliseconds(200));
  EXPECT_EQ(calls, 1);
}

TEST(SilenceGuard, NoticesSilenceAfterSomethingCame) {
  SilenceGuard guard(kPatience, [] {});
  { const SilenceGuard::Taking taking(guard); }
  EXPECT_TRUE(Await([&guard] { return guard.silent(); }));
}

TEST(SilenceGuard, WhatIsBeingTakenIsNoSilence) {
  SilenceGuard guard(kPatience, [] {});
  {
    const SilenceGuard::Taking taking(guard);
    Sleep(Milliseconds(400));
    EXPECT_FALSE(guard.silent());
  }
  EXPECT_TRUE(Await([&guard] { return guard.silent(); }));
}

TEST(SilenceGuard, EndsAtOnceAndWithoutACall) {
  std::atomic<int> calls = 0;
  const MonotonicTime begin = RealClock().Now();
  {
    const SilenceGuard guard(Seconds(1000), [&calls] { ++calls; });
  }
  EXPECT_LT(RealClock().Now() - begin, Seconds(20));
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace synergy
