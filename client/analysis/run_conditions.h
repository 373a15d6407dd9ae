// What a run ran under: clocks, temperatures, throttling, and the power of the board when nothing
// of the job ran. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/attribution/run_data.h"

namespace synergy {

// A clock in the measured phase; over the whole run, where there was none.
struct ClockRange {
  std::string clock;
  int64_t lowest_hz = 0;  // 0: for a while it could not be read
  int64_t highest_hz = 0;
};

struct TemperatureRange {
  std::string zone;
  double begin_c = 0;
  double end_c = 0;
  double highest_c = 0;
};

// A counter of throttling, or a state whose 0 is none.
struct ThrottleChange {
  std::string what;
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t highest = 0;

  // It throttled in this run.
  bool Throttled() const {
    return highest > begin || (what.starts_with("cooling ") && highest > 0);
  }
};

// The mean over one stretch without the job.
struct IdlePower {
  double time_s = 0;
  std::vector<std::optional<double>> power_w = {};  // by rail, as RunData::Power; absent: not read
};

struct RunConditions {
  std::vector<ClockRange> clocks;
  std::vector<TemperatureRange> temperatures;
  std::vector<ThrottleChange> throttles;
  std::vector<v1::ClockChange> clock_changes;        // of clocks that the job had fixed
  std::optional<IdlePower> idle_before, idle_after;  // absent: the run has no such stretch
};

// `more`: as of Solve.
RunConditions ConditionsOf(const RunData& data, const std::vector<RailPower>& more = {});

}  // namespace synergy
