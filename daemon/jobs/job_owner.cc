#include "daemon/jobs/job_owner.h"

#include "fmt/format.h"

namespace synergy {

absl::Status CheckOwner(const JobOwner& by, std::string_view owner_id, std::string_view owner_name,
                        std::string_view what) {
  if (by.role == v1::ROLE_ADMIN || owner_id.empty() || by.id == owner_id) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format(
      "{}: it is {}'s; the role admin is missing for what is others'", what, owner_name));
}

}  // namespace synergy
