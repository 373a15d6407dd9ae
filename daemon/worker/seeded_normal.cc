#include "daemon/worker/seeded_normal.h"

#include <cmath>
#include <numbers>

namespace synergy {
namespace {

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  // Never 0, whose logarithm there is none.
  double Uniform() { return (static_cast<double>(Next() >> 11) + 0.5) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace

void FillSeededNormal(uint64_t seed, size_t input, float* values, size_t count) {
  SplitMix64 seeds(seed);
  uint64_t own_seed = seeds.Next();
  for (size_t i = 0; i < input; ++i) own_seed = seeds.Next();
  SplitMix64 random(own_seed);
  for (size_t i = 0; i < count; i += 2) {
    const double radius = std::sqrt(-2.0 * std::log(random.Uniform()));
    const double angle = 2.0 * std::numbers::pi * random.Uniform();
    values[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) values[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace synergy
