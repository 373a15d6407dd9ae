// What a job may ask for beyond a number of iterations: measuring until its operators' energies are
// known to a given precision, and repeating one operator. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Operators whose intervals are wider have no energy of their own (kWidestAlone).
inline constexpr double kCoarsestPrecision = 0.25;
// Beyond what calibrations leave open by far.
inline constexpr double kFinestPrecision = 1e-4;
inline constexpr double kDefaultMaxTimeS = 600;
inline constexpr double kLongestLoopS = 3600;

// InvalidArgument with the field, what is wrong with it and what is allowed.
absl::Status ValidatePrecisionUntrusted(const v1::JobSpec& spec);

// The rails whose intervals JobSpec.precision is of. Errors: InvalidArgument, the board has no such
// rail; FailedPrecondition, nothing can ever be known of operators on it. A board that does not
// tell its sources is believed.
absl::StatusOr<std::vector<std::string>> PrecisionRails(const v1::JobSpec& spec,
                                                        const v1::BoardInfo& board);

}  // namespace synergy
