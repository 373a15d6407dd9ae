// How long a modelled worker's operators take.
//
// The base is the roofline of daemon/power/operator_load.h at the simulated clock. Around it, all
// from draws that are a function of the seed and the execution's number:
//   dispatch     1.5 us an operator, whatever it does: what Caffe2's simple net spends on one
//   run to run   one factor per operator and run, normal with 1 %: where its memory happens to lie
//   cache cliff  operators whose tensors take between half of the L2 cache (2 MiB) and twice that:
//                in one of four executions the cache was lost, which costs them 15 %
//   jitter       one factor per execution, log-normal with 1.5 %, or what is asked for
//   preemption   20 times a second of work something else runs for 80 us on average (exponential)
// Operators that are made short (a fault on demand) have a base of which 5 us are within their
// markers, whatever they do, and neither a cliff nor a factor of the run.
// These are assumptions about a quiet board, not measurements of one.
#pragma once

#include <cstdint>
#include <vector>

#include "common/clock.h"
#include "daemon/power/operator_load.h"
#include "synergy/v1/records.pb.h"

namespace synergy::sim {

inline constexpr double kDispatchS = 1.5e-6;
inline constexpr double kShortS = 5e-6;
inline constexpr double kRunSpread = 0.01;
inline constexpr double kCliffShare = 0.25;
inline constexpr double kCliffFactor = 1.15;
inline constexpr double kJitter = 0.015;
inline constexpr double kPreemptionsPerS = 20;
inline constexpr double kPreemptionS = 80e-6;

// Constant after construction.
class OperatorTimes {
 public:
  // `seed`: of this run. `jitter`: standard deviation of the logarithm, at least 0. `short_share`:
  // of the operators that are made short, drawn.
  OperatorTimes(const v1::OperatorTable& operators, const CpuUse& use, uint64_t seed,
                double jitter = kJitter, double short_share = 0);

  size_t size() const { return operators_.size(); }
  // Of execution `number` of the operator, counted from 0 over warm-up and measured iterations. At
  // least 1 us.
  Nanoseconds Of(uint32_t op, uint64_t number) const;
  // Whether the cache was lost in that execution.
  bool LosesCache(uint32_t op, uint64_t number) const;

 private:
  struct Operator {
    double base_s = 0;  // of this run
    bool at_cliff = false;
    uint64_t key = 0;
  };
  const double jitter_;
  std::vector<Operator> operators_;
};

}  // namespace synergy::sim
