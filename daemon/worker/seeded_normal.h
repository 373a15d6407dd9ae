// The numbers that an input is filled with: the same for the same seed, on every machine.
//
// SplitMix64 (Steele, Lea, Flood 2014) gives 53-bit uniforms u, v in (0, 1); Box and Muller's
// sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v) makes two standard normal values of them, in double,
// rounded to float. Input number i of a job has a stream of its own: its generator starts at the (i
// + 1)-th output of one seeded with the job's seed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace synergy {

// Fills values[0, count) with the stream of input number `input`.
void FillSeededNormal(uint64_t seed, size_t input, float* values, size_t count);

}  // namespace synergy
