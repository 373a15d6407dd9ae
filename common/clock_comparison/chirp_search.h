// Finds a load pattern that the device played in the readings of a meter that has a clock of its
// own, and so what the device's clock was at an instant of the meter's.
//
// What is found is where the meter's readings show the load: a meter that stamps the end of the
// span over which it averages is found half that span late, so that readings brought onto the
// device's clock by it stand where their power was drawn.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "common/attribution/run_data.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

struct ChirpSearch {
  // The device's clock minus the meter's: it is looked for from here to there.
  int64_t lowest_offset_ns = 0;
  int64_t highest_offset_ns = 0;
  // How much faster the device's clock runs than the meter's, as far as that is known.
  double drift = 0;
};

struct ChirpMatch {
  int64_t stamp_ns = 0;    // an instant on the meter's clock
  int64_t device_ns = 0;   // the same on the device's
  double bound_ns = 0;     // of device_ns: 95 %
  double correlation = 0;  // of the readings with the pattern, 0 to 1
  double step_w = 0;       // what the load drew
  double window_ns = 0;    // over which a reading averages, as far as it shows
};

// The uncertainty is that of the fit of the pattern's edges to the readings: each edge is taken for
// one observation, so that neither noise that lasts for several readings nor an instant between two
// readings makes it look better than it is (cluster-robust covariance). `readings` are stamped on
// the meter's clock, in order. InvalidArgument: what was played is no pattern. NotFound, with why:
// too few readings, too slow ones, no pattern in them, or in more than one place.
absl::StatusOr<ChirpMatch> FindChirp(const v1::ChirpPlayed& played,
                                     std::span<const PowerSample> readings,
                                     const ChirpSearch& search);

}  // namespace synergy
