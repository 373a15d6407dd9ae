// Whether what the chunks of a run say can be taken: stamps, channels and operators that nothing
// sensible could be computed from are DataLoss, with words that say what is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/marker_ring.h"
#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// The instant that a reading stands for.
inline int64_t Middle(const Reading& r) { return r.begin_ns + (r.end_ns - r.begin_ns) / 2; }

// The board's rails, then those that only a channel names.
std::vector<std::string> RailNames(const v1::RunHeader& header);

absl::Status CheckHeader(const v1::RunHeader& header);
absl::Status CheckOperators(const v1::OperatorTable& table);
absl::Status CheckCounts(const v1::EventCounts& rows);
absl::Status CheckMarkers(const std::vector<Marker>& markers);
// `last`: of the channel before them; null: none.
absl::Status CheckReadings(const std::vector<Reading>& readings, const Reading* last);

}  // namespace synergy
