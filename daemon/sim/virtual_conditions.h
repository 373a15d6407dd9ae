// What a virtual run runs under, taken down as the daemon does it: clocks, temperature, throttling,
// and clocks that are not where the run has fixed them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/clock.h"
#include "daemon/clocks/fixed_clocks.h"
#include "daemon/clocks/throttle_watch.h"
#include "daemon/power/board.h"
#include "daemon/sampling/run_recorder.h"

namespace synergy::sim {

// All that it is given outlives it. Thread-compatible.
class VirtualConditions {
 public:
  // `speeds`: by policy, fixed for the run.
  VirtualConditions(const Board& board, const std::vector<CpuSpeed>& speeds, Clock& clock,
                    RunRecorder& recorder);

  // At every tick. Looks ten times a second and takes down what has changed.
  void Follow();

  void BeginMeasuring();
  struct Seen {
    std::vector<FixedClocks::Astray> moved;  // for more than `max_away` of the phase
    std::vector<std::string> throttled;
  };
  Seen EndMeasuring(double max_away);

 private:
  v1::Conditions Now();
  void Take(bool all);
  void TellMoves(const v1::Conditions& now);

  const Board& board_;
  const std::vector<CpuSpeed>& speeds_;
  Clock& clock_;
  RunRecorder& recorder_;
  FixedClocks fixed_;
  ThrottleWatch throttles_;
  uint64_t throttle_count_ = 0;
  v1::Conditions last_;  // that was taken down
  MonotonicTime next_look_;
};

}  // namespace synergy::sim
