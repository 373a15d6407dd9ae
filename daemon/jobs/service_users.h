// The unprivileged users that the engines and the front run as.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace synergy {

// An unprivileged user that a child runs as.
struct UserIds {
  uid_t uid = 0;
  gid_t gid = 0;
};
// The first of `names` that exists.
std::optional<UserIds> FindUser(const std::vector<std::string>& names);

inline constexpr char kEngineUser[] = "synergy-worker";
inline constexpr char kFrontUser[] = "synergy";

// Where a user of that name does not exist, a number that belongs to no user or group of this
// machine: the first free one from these on, in the range that systemd gives to dynamic users
// (61184 to 65519, systemd's docs/UIDS-GIDS.md). Not `nobody`, whose other processes it could
// touch, and never one number for both: a hostile engine could trace the front.
inline constexpr uid_t kFirstEngineUid = 63100;
inline constexpr uid_t kFirstFrontUid = 63200;
inline constexpr uid_t kUidCandidates = 100;

struct ServiceUsers {
  UserIds engine;
  UserIds front;
};
// For a daemon that is root. FailedPrecondition, with a remedy: one of the users is root, both have
// one number, or no number is free.
absl::StatusOr<ServiceUsers> FindServiceUsers();
// The same for users that were found by name, or were not.
absl::StatusOr<ServiceUsers> ChooseServiceUsers(std::optional<UserIds> engine,
                                                std::optional<UserIds> front);

}  // namespace synergy
