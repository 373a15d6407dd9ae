// What a meter on the host measured of a stored run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/export/export_writer.h"
#include "client/store/store.h"

namespace synergy {

// Absent where the run was measured without one. A damaged one is said in `damage`: what the board
// measured is whole.
absl::StatusOr<std::optional<ExportedMeter>> LoadMeter(Store& store, int64_t number,
                                                       std::string* damage);

}  // namespace synergy
