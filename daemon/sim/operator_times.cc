#include "daemon/sim/operator_times.h"

#include <algorithm>
#include <cmath>

#include "common/counter_noise.h"

namespace synergy::sim {
namespace {

constexpr double kL2Bytes = 2.0 * 1024 * 1024;
constexpr double kShortestS = 1e-6;

// Keys of the draws of one operator.
constexpr uint64_t kRunKey = 1, kCliffKey = 2, kJitterKey = 3, kPreemptedKey = 4, kHowLongKey = 5,
                   kShortKey = 6;

bool IsAtCliff(const v1::OperatorInfo& op) {
  const auto bytes = static_cast<double>(op.bytes_read() + op.bytes_written());
  return bytes > kL2Bytes / 2 && bytes < kL2Bytes * 2;
}

}  // namespace

OperatorTimes::OperatorTimes(const v1::OperatorTable& operators, const CpuUse& use, uint64_t seed,
                             double jitter, double short_share)
    : jitter_(jitter) {
  const uint64_t run_key = MixHash(seed, "operator times");
  for (const v1::OperatorInfo& op : operators.operators()) {
    Operator& added = operators_.emplace_back();
    added.key = MixHash(run_key, operators_.size());
    if (UniformDraw(MixHash(added.key, kShortKey), 0) < short_share) {
      added.base_s = kShortS - kDispatchS / 2;  // half of the dispatch is within the marker
      continue;
    }
    added.base_s =
        SecondsOf(op, use) * (1 + kRunSpread * NormalDraw(MixHash(added.key, kRunKey), 0));
    added.at_cliff = IsAtCliff(op);
  }
}

Nanoseconds OperatorTimes::Of(uint32_t op, uint64_t number) const {
  const Operator& o = operators_[op];
  double time_s = o.base_s * std::exp(jitter_ * NormalDraw(MixHash(o.key, kJitterKey), number));
  if (LosesCache(op, number)) time_s *= kCliffFactor;
  if (UniformDraw(MixHash(o.key, kPreemptedKey), number) < time_s * kPreemptionsPerS) {
    time_s -= kPreemptionS * std::log(UniformDraw(MixHash(o.key, kHowLongKey), number));
  }
  time_s += kDispatchS;
  return Nanoseconds{std::llround(std::max(time_s, kShortestS) * 1e9)};
}

bool OperatorTimes::LosesCache(uint32_t op, uint64_t number) const {
  const Operator& o = operators_[op];
  return o.at_cliff && UniformDraw(MixHash(o.key, kCliffKey), number) < kCliffShare;
}

}  // namespace synergy::sim
