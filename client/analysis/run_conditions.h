// What a run ran under: clocks, temperatures, throttling, and the power of the board when nothing
// of the job ran. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/attribution/run_data.h"

namespace synergy {

// A clock in the measured phase; over the whole run, where there was none. Absent: it could not be
// read.
struct ClockRange {
  std::string clock;
  std::optional<int64_t> lowest_hz = {}, highest_hz = {};
  bool unread = false;  // for a while it could not be read
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

  // "cpu3 off".
  bool IsCore() const { return what.starts_with("cpu") && what.ends_with(" off"); }
  // It throttled in this run; a core went off.
  bool Throttled() const {
    return highest > begin || (what.starts_with("cooling ") && highest > 0);
  }
};

// The mean over one stretch without the job: of what the device left idle for that, without the
// time in which a rail's filter still holds what was before.
struct IdlePower {
  double time_s = 0;
  std::vector<std::optional<double>> power_w = {};  // by rail, as RunData::Power; absent: not read
  // 95 % of such stretches would have their mean within this of it, and the sensor's step is in it.
  // Absent: too few readings.
  std::vector<std::optional<double>> half_width_w = {};
};

struct RunConditions {
  std::vector<ClockRange> clocks;
  std::vector<TemperatureRange> temperatures;
  std::vector<ThrottleChange> throttles;
  std::vector<v1::ClockChange> clock_changes;        // of clocks that the job had fixed
  std::optional<IdlePower> idle_before, idle_after;  // absent: no such stretch was asked for
};

// `more`: as of Solve.
RunConditions ConditionsOf(const RunData& data, const std::vector<RailPower>& more = {});

}  // namespace synergy
