#include "common/roles.h"

#include "fmt/format.h"

namespace synergy {

std::string_view RoleName(v1::Role role) {
  switch (role) {
    case v1::ROLE_WATCH:
      return "watch";
    case v1::ROLE_RUN:
      return "run";
    case v1::ROLE_ADMIN:
      return "admin";
    default:
      return "none";
  }
}

std::optional<v1::Role> ParseRole(std::string_view name) {
  for (const v1::Role role : {v1::ROLE_WATCH, v1::ROLE_RUN, v1::ROLE_ADMIN}) {
    if (name == RoleName(role)) return role;
  }
  return std::nullopt;
}

absl::Status CheckRole(v1::Role needed, v1::Role has, std::string_view what, bool paired) {
  if (needed == v1::ROLE_UNSPECIFIED || !v1::Role_IsValid(needed) || !v1::Role_IsValid(has)) {
    return absl::PermissionDeniedError(fmt::format("{} is refused: no role may do it", what));
  }
  if (has >= needed) return absl::OkStatus();
  if (!paired) {
    return absl::PermissionDeniedError(
        fmt::format("{} needs the role {}, and yours is {}: on the board's own socket the group "
                    "synergy has the role run, and root and who runs synergyd have the role admin",
                    what, RoleName(needed), RoleName(has)));
  }
  return absl::PermissionDeniedError(
      fmt::format("{} needs the role {}, and this client's role is {}: have it paired anew on the "
                  "board with `synergyd pair --role {}`",
                  what, RoleName(needed), RoleName(has), RoleName(needed)));
}

}  // namespace synergy
