#include "daemon/front/socket_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

namespace synergy {
namespace {

constexpr size_t kNetworkBytes = 8;
constexpr size_t kV4Bytes = 4;

std::string Bytes(const void* address, size_t size) {
  return std::string(static_cast<const char*>(address), size);
}

std::string Text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  return inet_ntop(family, address, text.data(), text.size()) == nullptr ? "" : text.data();
}

}  // namespace

SocketPeer PeerOf(int connection) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof(peer);
  if (getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&peer);
    return {.address = Text(AF_INET, &in->sin_addr),
            .port = std::to_string(ntohs(in->sin_port)),
            .place = Bytes(&in->sin_addr, kV4Bytes)};
  }
  if (peer.ss_family != AF_INET6) return {};
  const auto* in = reinterpret_cast<const sockaddr_in6*>(&peer);
  const bool v4 = IN6_IS_ADDR_V4MAPPED(&in->sin6_addr);
  const uint8_t* const last = in->sin6_addr.s6_addr + sizeof(in->sin6_addr) - kV4Bytes;
  return {.address = v4 ? Text(AF_INET, last) : Text(AF_INET6, &in->sin6_addr),
          .port = std::to_string(ntohs(in->sin6_port)),
          .place = v4 ? Bytes(last, kV4Bytes) : Bytes(&in->sin6_addr, kNetworkBytes)};
}

ino_t InodeOf(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

}  // namespace synergy
