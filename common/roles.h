// What a client of a board may do: names and comparison of the roles of
// proto/synergy/v1/access.proto.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

std::string_view RoleName(v1::Role role);  // "watch"; "none" for what is no role
std::optional<v1::Role> ParseRole(std::string_view name);

// PermissionDenied, with the role that is missing for `what`, where `has` does not include
// `needed`; nobody has what needs no known role. How to get it depends on whether who asks is
// `paired` or a user of the board's Unix socket.
absl::Status CheckRole(v1::Role needed, v1::Role has, std::string_view what, bool paired);

}  // namespace synergy
