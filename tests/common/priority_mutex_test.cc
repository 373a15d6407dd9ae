#include "common/priority_mutex.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

namespace synergy {
namespace {

// The priority first: on a CPU that a real-time thread keeps busy nothing ordinary gets as far.
bool RunOn(size_t cpu, int priority) {
  const sched_param param{.sched_priority = priority};
  const int policy = priority > 0 ? SCHED_FIFO : SCHED_OTHER;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return pthread_setschedparam(pthread_self(), policy, &param) == 0 &&
         pthread_setaffinity_np(pthread_self(), sizeof(one), &one) == 0;
}

// On one CPU a real-time thread keeps every ordinary one from running. The one that holds the mutex
// runs all the same once a thread of a still higher priority waits for it.
TEST(PriorityMutex, LendsTheHolderThePriorityOfWhoWaits) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  if (CPU_COUNT(&allowed) < 2) GTEST_SKIP() << "one CPU, which this thread needs";
  size_t cpu = CPU_SETSIZE - 1;
  while (!CPU_ISSET(cpu, &allowed)) --cpu;
  cpu_set_t rest = allowed;
  CPU_CLR(cpu, &rest);
  ASSERT_EQ(sched_setaffinity(0, sizeof(rest), &rest), 0);
  PriorityMutex mutex;
  std::atomic<bool> may_all = true, holds = false, hogs = false, asks = false, is_locked = false;
  bool gives_up = false;
  std::thread holder([&] {
    may_all = may_all && RunOn(cpu, 0);
    const std::lock_guard lock(mutex);
    holds = true;
    while (!hogs && may_all) std::this_thread::yield();
  });
  while (!holds) std::this_thread::yield();
  std::thread hog([&] {
    may_all = may_all && RunOn(cpu, 1);
    hogs = true;
    while (may_all && !asks) {
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    while (may_all && !is_locked && std::chrono::steady_clock::now() < end) {
    }
    gives_up = !is_locked;
  });
  while (!hogs) std::this_thread::yield();
  std::thread waiter([&] {
    may_all = may_all && RunOn(cpu, 2);
    asks = true;
    const std::lock_guard lock(mutex);
    is_locked = true;
  });
  waiter.join();
  hog.join();
  holder.join();
  sched_setaffinity(0, sizeof(allowed), &allowed);
  if (!may_all) GTEST_SKIP() << "no real-time priority here";
  EXPECT_FALSE(gives_up) << "the mutex's holder did not run for half a second";
}

}  // namespace
}  // namespace synergy
