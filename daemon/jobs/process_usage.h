// What a process has used so far, as the kernel counts it: clock_getcpuclockid(3) for its CPU time,
// /proc/PID/task/*/status and /proc/PID/io for the rest (Documentation/filesystems/proc.rst).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synergy {

struct ProcessUsage {
  pid_t pid = 0;
  double cpu_s = 0;         // user and system, of all threads that there were
  uint64_t wakeups = 0;     // voluntary context switches of the threads that there are
  uint64_t bytes_read = 0;  // by read calls, from files and pipes; 0 where the kernel does not say
};

// Nothing where there is no such process. `proc`: "/proc".
std::optional<ProcessUsage> UsageOf(pid_t pid, const std::string& proc);

// Of this process; its threads that have ended count, too. Without bytes_read.
ProcessUsage OwnUsage();

// The number behind "KEY:" or "KEY " at the beginning of a line; 0 where there is none.
uint64_t NumberOfLine(std::string_view text, std::string_view key);

}  // namespace synergy
