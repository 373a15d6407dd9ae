// Runs in virtual time with their truth, for tests and bars.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "client/models/zoo.h"
#include "common/attribution/run_data.h"
#include "daemon/sim/virtual_run.h"

namespace synergy {

// Of one rail.
struct Truth {
  std::map<uint32_t, double> energy_j, seconds;  // realised mean of an execution, by operator
};
Truth TruthOf(const v1::RunTruth& truth, const std::string& rail);

struct Played {
  RunData data;
  v1::RunTruth truth;
};
// A run in virtual time, through a file in the folder for temporary ones.
absl::StatusOr<Played> Play(const ZooEntry& entry, const sim::VirtualRunOptions& options);

}  // namespace synergy
