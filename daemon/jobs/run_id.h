// Names of runs: "20261120-234512-squeezenet-7f3a".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace synergy {

inline constexpr size_t kMaxRunIdBytes = 39;  // the telemetry ring keeps 40, with the end

// UTC to the second, the net's name (lower case, cut, other than letters, digits, '.' and '_'
// become '-') and the submission's number, scattered over 16 bits. The number makes it unique in an
// installation whatever the wall clock says: it repeats only after 65536 submissions, and then in
// the same second of a clock that was set back.
std::string MakeRunId(int64_t unix_seconds, std::string_view net_name, uint64_t number);

}  // namespace synergy
