// Power sources as clients are told of them.
#pragma once

#include <string_view>

#include "daemon/power/power_source.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// What stands in a remark between what was found and what mends it.
inline constexpr std::string_view kToMend = "; to mend it: ";

// With its channels and their windows. Both functions: between reads, by the thread that reads the
// source, or before it has one.
v1::SourceInfo DescribeSource(const PowerSource& source);

// What a source may find out while it is read, as of now: its rate and its remarks.
void UpdateDescription(const PowerSource& source, v1::SourceInfo* info);

}  // namespace synergy
