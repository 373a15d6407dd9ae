#include "daemon/front/connection_count.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

namespace synergy {
namespace {

constexpr size_t kNetworkBytes = 8;

// 0: there is no such descriptor.
ino_t InodeOf(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

std::string PlaceOf(int connection) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof(peer);
  if (getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return "";
  if (peer.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&peer);
    return std::string(reinterpret_cast<const char*>(&in->sin_addr), sizeof(in->sin_addr));
  }
  if (peer.ss_family != AF_INET6) return "";
  const auto* in = reinterpret_cast<const sockaddr_in6*>(&peer);
  const auto* bytes = reinterpret_cast<const char*>(&in->sin6_addr);
  // What comes by IPv4 to a socket of both.
  const bool v4 = IN6_IS_ADDR_V4MAPPED(&in->sin6_addr);
  return v4 ? std::string(bytes + 12, 4) : std::string(bytes, kNetworkBytes);
}

}  // namespace

bool ConnectionCount::Admit(int connection) {
  std::erase_if(open_, [](const Open& open) { return InodeOf(open.fd) != open.inode; });
  std::string place = PlaceOf(connection);
  const auto from_there =
      std::ranges::count_if(open_, [&place](const Open& open) { return open.place == place; });
  if (open_.size() >= kMaxConnections || static_cast<size_t>(from_there) >= kMaxFromOnePlace) {
    return false;
  }
  open_.push_back({.fd = connection, .inode = InodeOf(connection), .place = std::move(place)});
  return true;
}

}  // namespace synergy
