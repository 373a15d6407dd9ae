// What a run is worth as a measurement. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/reading_counts.h"
#include "daemon/clocks/fixed_clocks.h"
#include "daemon/jobs/load_sample.h"
#include "daemon/jobs/verdict_limits.h"
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
  std::vector<ReadingCount> rails;          // nothing where the measured phase was not completed
  double measured_s = 0;                    // how long the measured phase took
  std::vector<double> operator_s;  // the mean time of each operator that was executed in it
  std::vector<FixedClocks::Astray> moved_clocks;
  std::vector<std::string> throttled;  // what throttled in the measured phase, a line each
  // The hottest zone when it began; nothing where the job has no gate.
  struct Warmth {
    std::string zone;
    double celsius = 0;
    double gate_c = 0;  // the job's
  };
  std::optional<Warmth> began_at;
  OtherLoad others;
  std::vector<std::string> late_stamps;    // sources whose stamps are in doubt, a line each
  std::vector<std::string> never_changed;  // sensors that seem to be stuck, a line each
  uint64_t iterations = 0;                 // measured ones
  // Of a job that asks for one.
  struct Precision {
    double target = 0;
    double max_s = 0;
    std::vector<v1::MeasuredBlock> blocks = {};
  };
  std::optional<Precision> precision;
  bool read_before = true;  // every channel was read before the setup began
  bool read_after = true;   // every rail was read after the last iteration
};

// Above this error of its markers' clock a run is SUSPECT: 20 us is the length of a short operator.
// Our engines stop using the counter there (TickClock::kMaxErrorNs).
inline constexpr int64_t kMaxClockErrorNs = 20'000;

struct Judgement {
  v1::Verdict verdict = v1::VERDICT_VALID;
  std::vector<std::string> reasons;  // "code: words"; empty where VALID
};

Judgement Judge(const RunFacts& facts, const VerdictLimits& limits = {});

// What a clock error above kMaxClockErrorNs means, for people.
std::string ClockErrorText(int64_t error_ns);

}  // namespace synergy
