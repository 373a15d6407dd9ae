// Who ran when: cuts a run's time at the begins and ends of its markers and shares every piece
// among what ran in it. The rules stand in common/attribution/integrate.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/attribution/run_data.h"

namespace synergy {

enum class Activity : uint8_t { kSetup, kWarmup, kInference, kIdle };
inline constexpr size_t kActivities = 4;

// Something that a thread ran.
struct Span {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  uint16_t thread = 0;
  Activity activity = Activity::kIdle;
  uint32_t op = 0;
};

// When the device found out between blocks of measured iterations whether to go on: neither idle
// nor anything of an iteration. Spans of thread 0, which waits then, in kSetup.
std::vector<Span> DecidingSpans(const RunData& data);

// Seconds and, by rail, joules that fell to something.
struct Share {
  double time_s = 0;
  std::vector<double> energy_j;
};

struct Shares {
  std::vector<Share> spans;  // as the spans were given
  std::array<Share, kActivities> activities;
  double overlapped_s = 0;  // with more than one thread in kInference
};

// Shares the time from `begin_ns` to `end_ns`, within which all spans lie, and the power in it.
// O((samples + spans) log spans) per rail.
Shares ShareTime(const std::vector<Span>& spans, const std::vector<RailPower>& rails,
                 int64_t begin_ns, int64_t end_ns);

}  // namespace synergy
