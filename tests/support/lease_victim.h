// A process that takes and restores leases on a fake kernel until it is killed, for the tests that
// what it changed comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "daemon/clocks/frequency_lease.h"
#include "tests/support/fake_kernel.h"

namespace synergy {

inline constexpr char kVictimBoot[] = "0ff1ce00-0000-4000-8000-000000000001";

// Two clusters, one of them with boost and the governor userspace, a core that is off, two devfreq
// devices, a debugfs override and a sensor chip.
std::unique_ptr<FakeKernel> MakeVictimBoard(bool strict_limits);

LeaseOptions VictimLease(const std::string& journal);

// Takes a lease, changes all sorts of controls (which, and to what, is drawn from `random`; null:
// all), and releases it.
void TakeAndRelease(AttributeFiles& files, const std::string& journal, std::mt19937_64* random);

struct Victim {
  // In the child, with its kernel. Ends with the process.
  std::function<void(AttributeFiles& files)> work;
  long kill_at_step = 0;  // KillAtStep; 0: never
  // From outside, counted from its first write to the kernel on; negative: never.
  int kill_after_requests = -1;
  int64_t kill_after_us = -1;
};
struct VictimEnd {
  bool killed = false;
  long steps = 0;  // that were taken, where it was not killed
};
// Runs `victim` as a child process on `kernel`, to its end.
VictimEnd RunVictim(FakeKernel& kernel, const Victim& victim);

// Restores what is left at `journal`, and says what then differs from `before`: files, values, or
// an unclean report. Empty: all is as it was.
std::vector<std::string> Differences(FakeKernel& kernel, const std::string& journal,
                                     const std::map<std::string, std::string>& before);

}  // namespace synergy
