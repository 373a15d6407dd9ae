// The fine part of finding a load pattern (chirp_search.h): from a place that is right up to a
// quarter of a chip to one with an uncertainty.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "common/clock_comparison/chirp_search.h"
#include "common/clock_comparison/load_pattern.h"

namespace synergy {

struct ChirpPlace {
  int64_t origin_stamp_ns = 0;  // the pattern's origin on the meter's clock, about
  double drift = 0;             // as ChirpSearch::drift
  double chip_ns = 0;
  double period_ns = 0;  // between readings
};

// The median distance of readings that follow each other; 0 for fewer than two.
double UsualDistance(std::span<const PowerSample> readings);

// Fits base + step x (mean load over a window) to the readings around the pattern, by Gauss-Newton
// with windows that shrink from half a chip to the distance of two readings, and keeps the window
// that fits best. NotFound where no edge decides the place.
absl::StatusOr<ChirpMatch> FitChirp(const LoadPattern& pattern,
                                    std::span<const PowerSample> readings, const ChirpPlace& place);

}  // namespace synergy
