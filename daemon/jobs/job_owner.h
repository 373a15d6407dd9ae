// Who asks something of the queue, and whose its jobs are.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

struct JobOwner {
  std::string id = {};    // a paired client's, "uid:1000"; "": the daemon itself
  std::string name = {};  // for people: "ann@laptop (5e0c)", "user ann"
  v1::Role role = v1::ROLE_ADMIN;
};

// PermissionDenied where `by` is neither an admin nor the owner. What nobody owns is everybody's.
absl::Status CheckOwner(const JobOwner& by, std::string_view owner_id, std::string_view owner_name,
                        std::string_view what);

}  // namespace synergy
