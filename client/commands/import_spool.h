// `import --spool FILE`: the records of a run as synergyd or synergy-sim wrote them.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "client/commands/run_import.h"

namespace synergy {

// Stores the run as far as its records are whole, and its truth where FILE.truth is there. What is
// no spool ends in kUsage, and nothing is stored then.
absl::StatusOr<RunImport> ImportSpool(const std::string& path, const std::string& store_option,
                                      std::stop_token stop);

}  // namespace synergy
