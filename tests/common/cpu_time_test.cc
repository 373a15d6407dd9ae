#include "common/cpu_time.h"

#include <gtest/gtest.h>

#include <thread>

namespace synergy {
namespace {

void Burn(Nanoseconds of_thread) {
  const Nanoseconds until = ThreadCpuTime() + of_thread;
  while (ThreadCpuTime() < until) {
  }
}

TEST(CpuTime, OfTheProcessHasThatOfEveryThreadOfTheThreadItsOwn) {
  const Nanoseconds process = ProcessCpuTime(), thread = ThreadCpuTime();
  Burn(Milliseconds(5));
  const Nanoseconds own = ThreadCpuTime() - thread;
  EXPECT_GE(own, Milliseconds(5));
  std::thread(Burn, Milliseconds(5)).join();
  EXPECT_GE(ProcessCpuTime() - process, own + Milliseconds(5));
}

}  // namespace
}  // namespace synergy
