#include "common/load_chirp.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace synergy {
namespace {

constexpr double kLargestShift = 0.25;  // of a chip

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): the same
// numbers everywhere, which std::uniform_int_distribution does not promise.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // In [0, 1).
  double Share() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

std::vector<bool> Chips(uint32_t count, Random& random) {
  std::vector<bool> busy(count);
  for (uint32_t i = 0; i < count / 2; ++i) busy[i == 0 ? 0 : count - i] = true;
  for (uint32_t i = count - 2; i > 1; --i) {  // all but the first and the last
    const auto j = 1 + static_cast<uint32_t>(random.Share() * i);
    const bool kept = busy[i];
    busy[i] = busy[j];
    busy[j] = kept;
  }
  return busy;
}

}  // namespace

absl::Status ValidateChirpUntrusted(const v1::LoadChirp& chirp) {
  if (chirp.chips() < kFewestChips || chirp.chips() > kMostChips) {
    return absl::InvalidArgumentError(fmt::format("load_chirp: {} chips; {} to {} are possible",
                                                  chirp.chips(), kFewestChips, kMostChips));
  }
  const double chip_s = chirp.seconds_per_chip();
  if (!(chip_s >= kShortestChipS) || !(chip_s * chirp.chips() <= kLongestChirpS)) {
    return absl::InvalidArgumentError(
        fmt::format("load_chirp: {} chips of {} s; a chip has {} s at least, all together {} s at "
                    "most",
                    chirp.chips(), chip_s, kShortestChipS, kLongestChirpS));
  }
  return absl::OkStatus();
}

std::vector<Nanoseconds> ChirpEdges(const v1::LoadChirp& chirp) {
  Random random(chirp.seed());
  const std::vector<bool> busy = Chips(chirp.chips(), random);
  const double chip_ns = chirp.seconds_per_chip() * 1e9;
  std::vector<Nanoseconds> edges = {{0}};
  for (uint32_t i = 1; i < chirp.chips(); ++i) {
    const double shift = kLargestShift * (2 * random.Share() - 1);
    if (busy[i] != busy[i - 1]) edges.push_back({std::llround(chip_ns * (i + shift))});
  }
  edges.push_back(ChirpDuration(chirp));
  return edges;
}

Nanoseconds ChirpDuration(const v1::LoadChirp& chirp) {
  return {std::llround(chirp.seconds_per_chip() * 1e9 * chirp.chips())};
}

}  // namespace synergy
