// Words for where an engine was.
#pragma once

#include <optional>
#include <string>

#include "common/marker_ring.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// `in operator 12 "fire2/squeeze1x1" (Conv), iteration 3 of the measured phase`, "while it loaded
// the nets", "between operators". Before the first iteration has ended `table` is empty and an
// operator has no name.
std::string WhereText(const std::optional<CurrentOperator>& current,
                      const v1::OperatorTable& table);
// `operator 12 "fire2/squeeze1x1" (Conv)`
std::string OperatorText(uint32_t op, const v1::OperatorTable& table);

}  // namespace synergy
