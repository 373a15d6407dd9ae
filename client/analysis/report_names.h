// What reports call states, verdicts, scopes of rails and causes of gaps: words for people, and for
// programs in JSON and CSV.
#pragma once

#include <string_view>

#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// For people and documents: "DONE", "VALID", "module", "missed_tick".
std::string_view StateName(v1::JobState state);
std::string_view VerdictName(v1::Verdict verdict);
std::string_view PhaseName(v1::Phase phase);
std::string_view ScopeName(v1::RailScope scope);
std::string_view QuantityName(v1::ChannelInfo::Quantity quantity);
std::string_view GapCauseName(v1::Gap::Cause cause);

}  // namespace synergy
