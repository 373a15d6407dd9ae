#include "daemon/front/unix_peer.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "common/files.h"

namespace synergy {
namespace {

constexpr char kGroup[] = "synergy";
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59  // Linux 4.13
#endif

// For kernels that cannot say which groups a process is in: those that its user is in.
bool IsMember(const group& of, uid_t user) {
  std::string buffer(16384, '\0');
  passwd entry = {};
  passwd* found = nullptr;
  getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return false;
  for (char** member = of.gr_mem; *member != nullptr; ++member) {
    if (std::string_view(*member) == found->pw_name) return true;
  }
  return false;
}

bool InGroup(int connection, const ucred& peer) {
  std::string buffer(16384, '\0');
  group entry = {};
  group* found = nullptr;
  getgrnam_r(kGroup, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return false;
  if (peer.gid == found->gr_gid) return true;
  std::array<gid_t, 1024> groups;  // more than that are not looked at
  socklen_t size = sizeof(groups);
  if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) {
    return errno == ENOPROTOOPT && IsMember(*found, peer.uid);
  }
  const auto end = groups.begin() + size / sizeof(gid_t);
  return std::find(groups.begin(), end, found->gr_gid) != end;
}

}  // namespace

absl::StatusOr<Caller> UnixPeer(int connection, uid_t owner) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return FileError("Asking for the peer of", "a connection", errno);
  }
  Caller caller;
  caller.role = v1::ROLE_WATCH;
  if (InGroup(connection, peer)) caller.role = v1::ROLE_RUN;
  if (peer.uid == 0 || peer.uid == owner) caller.role = v1::ROLE_ADMIN;
  caller.wire.set_uid(peer.uid);
  caller.wire.set_unix_role(caller.role);
  return caller;
}

}  // namespace synergy
