// Power sources as clients are told of them.
#pragma once

#include "daemon/power/power_source.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// With its channels' windows, as they are now. Before the source has a sampling thread.
v1::SourceInfo DescribeSource(const PowerSource& source);

}  // namespace synergy
