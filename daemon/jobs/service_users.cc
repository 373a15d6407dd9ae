#include "daemon/jobs/service_users.h"

#include <grp.h>
#include <pwd.h>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kEntryBytes = 16384;

bool Allocated(uid_t id) {
  std::string buffer(kEntryBytes, '\0');
  passwd user = {};
  passwd* found_user = nullptr;
  getpwuid_r(id, &user, buffer.data(), buffer.size(), &found_user);
  group team = {};
  group* found_team = nullptr;
  std::string team_buffer(kEntryBytes, '\0');
  getgrgid_r(id, &team, team_buffer.data(), team_buffer.size(), &found_team);
  return found_user != nullptr || found_team != nullptr;
}

std::optional<UserIds> FreeNumber(uid_t first) {
  for (uid_t id = first; id < first + kUidCandidates; ++id) {
    if (!Allocated(id)) return UserIds{.uid = id, .gid = id};
  }
  return std::nullopt;
}

}  // namespace

std::optional<UserIds> FindUser(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::string buffer(kEntryBytes, '\0');
    passwd entry = {};
    passwd* found = nullptr;
    getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found != nullptr) return UserIds{.uid = found->pw_uid, .gid = found->pw_gid};
  }
  return std::nullopt;
}

absl::StatusOr<ServiceUsers> ChooseServiceUsers(std::optional<UserIds> engine,
                                                std::optional<UserIds> front) {
  if (!engine.has_value()) engine = FreeNumber(kFirstEngineUid);
  if (!front.has_value()) front = FreeNumber(kFirstFrontUid);
  if (engine.has_value() && engine->uid != 0 && engine->gid != 0 && front.has_value() &&
      front->uid != 0 && front->gid != 0 && engine->uid != front->uid) {
    return ServiceUsers{.engine = *engine, .front = *front};
  }
  return absl::FailedPreconditionError(fmt::format(
      "Looking for two unprivileged users, one for the engines and one for the front: {0} and {1} "
      "are one user or root, or do not exist where no number is free; create both (useradd "
      "--system --user-group {0}; useradd --system --user-group {1})",
      kEngineUser, kFrontUser));
}

absl::StatusOr<ServiceUsers> FindServiceUsers() {
  return ChooseServiceUsers(FindUser({kEngineUser}), FindUser({kFrontUser}));
}

}  // namespace synergy
