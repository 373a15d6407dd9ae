// What a machine is busy with, as /proc shows it at one instant; two of them tell what is between
// (Documentation/filesystems/proc.rst).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

struct ProcessTimes {
  std::string name;
  int parent = 0;
  uint64_t ticks = 0;        // of the CPU, user and system
  uint64_t child_ticks = 0;  // likewise, of its children that have ended and theirs
  uint64_t started_at = 0;   // ticks since the boot: a pid may be given again
};
// Of the text of /proc/PID/stat; nothing where it is none.
std::optional<ProcessTimes> ParseProcessStat(std::string_view text);

struct LoadSample {
  MonotonicTime at;
  std::map<int, ProcessTimes> processes;            // by pid
  std::optional<double> load_average;               // of the last minute
  uint64_t swap_total_kib = 0, swap_free_kib = 0;   // SwapTotal, SwapFree of meminfo
  uint64_t swapped_pages = 0;                       // pswpin and pswpout of vmstat
  std::vector<v1::Conditions::Throttle> throttles;  // those that have changed since the one before
  std::optional<double> hottest_c;
};

// Of `proc` ("/proc"), without the throttles.
LoadSample SampleLoad(const std::string& proc, MonotonicTime now);

// A process that is not synergy's own, and how much of one CPU it took.
struct CpuUser {
  int pid = 0;
  std::string name;
  double share = 0;  // 1: a whole CPU
};
// The greatest first. `own`: this process, which is left out with all that it started; clients
// ("synergyctl") are left out, too.
std::vector<CpuUser> CpuUsers(const LoadSample& before, const LoadSample& after, int own,
                              double ticks_per_second);

// Processes that are not `own`, nor started by it, between two samples.
struct OtherLoad {
  double share = 0;            // of all CPUs' time
  std::vector<CpuUser> users;  // those that are still there, the greatest first
};
// Clients count, too. With what began and ended in between, where its parent has waited for it.
OtherLoad OtherLoadBetween(const LoadSample& before, const LoadSample& after, int own,
                           double ticks_per_second, double cpus);

}  // namespace synergy
