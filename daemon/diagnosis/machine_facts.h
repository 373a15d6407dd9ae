// What only this machine's kernel can be asked, asked once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace synergy {

// A count of one hardware event over a short loop (perf_event_open(2)).
struct EventCount {
  int error = 0;  // errno of opening it; 0: it was opened
  uint64_t count = 0;
};

struct MachineFacts {
  bool root = false;
  uint64_t capabilities = 0;  // effective ones, bits as of capabilities(7)
  int real_time_error = 0;    // errno of asking for SCHED_FIFO for a thread; 0: it is granted
  bool sysfs_read_only = false;
  std::optional<uint64_t> state_free_bytes;  // for this process; nothing: cannot be asked
  EventCount cycles;
  EventCount instructions;
  double clock_read_s = 0;        // how long reading CLOCK_MONOTONIC takes, the best of many
  double clock_resolution_s = 0;  // clock_getres(2)
  double suspended_s = 0;         // CLOCK_BOOTTIME less CLOCK_MONOTONIC: asleep since the boot
};

// Takes a few milliseconds. `sysfs` is what is written to; `state_dir` exists.
MachineFacts AskMachine(const std::string& sysfs, const std::string& state_dir);

}  // namespace synergy
