// Holds a board's clocks while a command runs on this host.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "synergy/v1/clocks.pb.h"

namespace synergy {

struct PinOptions {
  std::string host;
  v1::ClockRequest clocks;
  double limit_s = 0;  // 0: the daemon's longest
  std::vector<std::string> command;
};

// Ends as the command does (128 + the signal that killed it, 127 where there is none such), when
// everything was put back; kPartial where the lease was lost while a command ran that ended well.
absl::Status PinClocks(const PinOptions& options);

}  // namespace synergy
