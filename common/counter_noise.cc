#include "common/counter_noise.h"

#include <cmath>
#include <numbers>

namespace synergy {
namespace {

uint64_t Finalise(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

double ToUniform(uint64_t hash) { return (static_cast<double>(hash >> 11) + 0.5) * 0x1p-53; }

}  // namespace

uint64_t MixHash(uint64_t key, uint64_t counter) { return Finalise(Finalise(key) ^ counter); }

uint64_t MixHash(uint64_t key, std::string_view text) {
  uint64_t hash = MixHash(key, text.size());
  for (const char c : text) hash = MixHash(hash, static_cast<uint8_t>(c));
  return hash;
}

double UniformDraw(uint64_t key, uint64_t counter) { return ToUniform(MixHash(key, counter)); }

double NormalDraw(uint64_t key, uint64_t counter) {
  const uint64_t first = MixHash(key, counter);
  const double radius = std::sqrt(-2.0 * std::log(ToUniform(first)));
  return radius * std::cos(2.0 * std::numbers::pi * ToUniform(Finalise(first)));
}

}  // namespace synergy
