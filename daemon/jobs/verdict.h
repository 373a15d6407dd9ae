// What a run is worth as a measurement. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/clocks/fixed_clocks.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// What happened while a job ran.
struct RunFacts {
  v1::JobState state = v1::JOB_STATE_DONE;
  std::string error;
  uint64_t measured = 0;         // executions of operators in the measured phase
  uint64_t expected = 0;         // of them: operators times iterations
  uint64_t markers_dropped = 0;  // the ring was full
  uint64_t records_dropped = 0;  // the spool's writer was too slow
  std::string garbage;           // what was wrong with the engine's ring, "" where nothing was
  int64_t clock_error_ns = 0;    // the worst that the engine's calibrations of its stamps found
  std::vector<v1::SourceStats> sources;
  std::vector<std::string> failed_sources;  // why they are no longer read
  // Readings of each rail's power in the measured phase; nothing where that was not completed.
  struct RailReadings {
    std::string rail;
    uint64_t readings = 0;
    std::optional<double> window_s = {};  // that a reading takes together; nothing: not known
  };
  std::vector<RailReadings> rails;
  double measured_s = 0;           // how long the measured phase took
  std::vector<double> operator_s;  // the mean time of each operator that was executed in it
  std::vector<FixedClocks::Astray> moved_clocks;
  std::vector<std::string> late_stamps;    // sources whose stamps are in doubt, a line each
  std::vector<std::string> never_changed;  // sensors that seem to be stuck, a line each
  uint64_t iterations = 0;                 // measured ones that were asked for
  bool read_before = true;                 // every channel was read before the setup began
  bool read_after = true;                  // every rail was read after the last iteration
};

// Above this share of missed or failed ticks a run is SUSPECT: what a source did in the time that
// was not seen is then of the order of the differences that people look for.
inline constexpr double kMaxLostTicks = 0.01;

// A rail with fewer readings than this in the measured phase makes a run SUSPECT: energy is a line
// between readings, and the ends of the phase alone then weigh a tenth of it. A run in which no
// rail was read in that phase is INVALID.
inline constexpr uint64_t kFewestReadings = 10;

// A measured phase shorter than so many windows of a rail makes a run SUSPECT: what a filter still
// holds of the time before is then more than a tenth of the joules, where the load is new. So does
// a window longer than every operator: nothing in the run is told apart then.
inline constexpr double kFewestWindows = 10;

// Above this error of its markers' clock a run is SUSPECT: 20 us is the length of a short operator.
// Our engines stop using the counter there (TickClock::kMaxErrorNs).
inline constexpr int64_t kMaxClockErrorNs = 20'000;

struct Judgement {
  v1::Verdict verdict = v1::VERDICT_VALID;
  std::vector<std::string> reasons;  // "code: words"; empty where VALID
};

Judgement Judge(const RunFacts& facts);

// What a clock error above kMaxClockErrorNs means, for people.
std::string ClockErrorText(int64_t error_ns);

}  // namespace synergy
