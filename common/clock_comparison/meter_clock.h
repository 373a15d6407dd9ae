// A meter's clock brought onto a device's, from everything that is known of both: round trips
// between host and device, the arrival of the meter's lines on the host, and the load patterns that
// the device played before and after the job and that are found again in the readings.
//
// The patterns decide: each fixes one instant of the meter's clock on the device's, with a bound.
// Between them the clock is taken for even but for the jumps that its lines show; the jumps' own
// uncertainty enters the bound. Round trips and arrivals say where to look for the patterns, where
// a jump was, and whether all of it agrees.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attribution/run_data.h"
#include "common/clock_comparison/arrivals.h"
#include "common/clock_comparison/chirp_search.h"
#include "common/clock_comparison/round_trips.h"

namespace synergy {

// Of a reading in the store.
inline constexpr double kMeterWattsPerStep = 1e-6;

// Readings of a rail as the meter printed them, stamps on its own clock, which may go back where it
// jumped.
struct MeterRail {
  std::string name;
  std::vector<PowerSample> readings;
  // Of each of `MeterFacts::jumps`, the number of this rail's first reading after it.
  std::vector<uint64_t> after_jump = {};
};

// What the lines and round trips say, before the patterns are looked for.
struct MeterFacts {
  const RoundTrips& trips;       // host to device
  const Arrivals& arrivals;      // of the first rail's lines
  std::vector<ClockJump> jumps;  // of arrivals
};

struct ChirpFound {
  bool after = false;
  std::string rail = {};                            // that shows it best
  absl::StatusOr<ChirpMatch> match = ChirpMatch();  // an error says why it was not found
};

// A stretch of readings between two jumps.
struct ClockSegment {
  int64_t stamp_ns = 0;   // an instant on the meter's clock
  int64_t device_ns = 0;  // the same on the device's
  double drift = 0;       // how much faster the device's clock runs

  int64_t DeviceTime(int64_t at_stamp_ns) const;
};

struct MeterClock {
  std::vector<ChirpFound> chirps;
  // One more than there are jumps; empty where the clock could not be brought over.
  std::vector<ClockSegment> segments;
  double bound_ns = 0;  // of the device time of a reading of the job: 95 %
  // Why the readings must not be trusted as far as the bound says; empty: nothing speaks against
  // it.
  std::vector<std::string> problems;
};

MeterClock FitMeterClock(const MeterFacts& facts, const std::vector<v1::ChirpPlayed>& played,
                         std::span<const MeterRail> rails);

// A rail's readings on the device's clock, in order. Those that go back without a jump are left
// out.
std::vector<PowerSample> OnDeviceClock(const MeterRail& rail,
                                       std::span<const ClockSegment> segments);

}  // namespace synergy
