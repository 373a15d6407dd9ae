// How long a job rests before each measured iteration: drawn evenly from 0 to a longest pause, so
// that sensors which convert in step with a network's iterations still meet every operator at every
// place. The draws are part of the record: whoever has the job's seed can state them again.
#pragma once

#include <cmath>
#include <cstdint>

#include "common/clock.h"
#include "common/counter_noise.h"

namespace synergy {

// In longer ones a board cools down, and what is measured is no longer the same thing.
inline constexpr Nanoseconds kLongestPause = Seconds(10);

// `seed`: JobSpec.seed. The same on every machine.
inline Nanoseconds PauseBefore(uint64_t seed, uint32_t iteration, Nanoseconds longest) {
  if (longest.count <= 0) return Nanoseconds{0};
  const double share = UniformDraw(MixHash(seed, "iteration pauses"), iteration);
  return Nanoseconds{std::llround(share * static_cast<double>(longest.count))};
}

}  // namespace synergy
