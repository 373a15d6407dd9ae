// Random numbers that are a function of a key and a counter, not of how many were drawn before: two
// observers who ask for the same draw get the same number, in any order and at any time.
#pragma once

#include <cstdint>
#include <string_view>

namespace synergy {

// A well-mixed function of two 64-bit numbers (the finaliser of SplitMix64, Steele, Lea and Flood,
// "Fast splittable pseudorandom number generators", OOPSLA 2014, over both words).
uint64_t MixHash(uint64_t key, uint64_t counter);
uint64_t MixHash(uint64_t key, std::string_view text);

// Uniform in (0, 1), never 0 or 1.
double UniformDraw(uint64_t key, uint64_t counter);
// Normal with mean 0 and standard deviation 1 (Box and Muller).
double NormalDraw(uint64_t key, uint64_t counter);

}  // namespace synergy
