#include "client/net/board_search.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "common/unique_fd.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxPacketBytes = 9000;  // RFC 6762, 17
constexpr size_t kMaxBoards = 1000;       // somebody plays with us
constexpr uint16_t kPort = 5353;

struct FreeInterfaces {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

const sockaddr_in& AsIpv4(const sockaddr_storage& socket) {
  return reinterpret_cast<const sockaddr_in&>(socket);
}
const sockaddr_in6& AsIpv6(const sockaddr_storage& socket) {
  return reinterpret_cast<const sockaddr_in6&>(socket);
}

bool IsIpv6(const sockaddr_storage& socket) { return socket.ss_family == AF_INET6; }

bool IsMulticast(const sockaddr_storage& where) {
  return IsIpv6(where) ? IN6_IS_ADDR_MULTICAST(&AsIpv6(where).sin6_addr)
                       : IN_MULTICAST(ntohl(AsIpv4(where).sin_addr.s_addr));
}

// That what is sent to a multicast address leaves by this interface.
bool LeaveBy(int fd, const ifaddrs& interface) {
  if (interface.ifa_addr->sa_family == AF_INET6) {
    const unsigned index = if_nametoindex(interface.ifa_name);
    return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)) == 0;
  }
  const in_addr own = reinterpret_cast<const sockaddr_in*>(interface.ifa_addr)->sin_addr;
  return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &own, sizeof(own)) == 0;
}

// Whether the question went out by any interface; `error` is an errno where not.
bool Ask(int fd, const sockaddr_storage& where, int* error) {
  const std::string question = BoardsQuestion();
  const socklen_t size = IsIpv6(where) ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  const auto send = [&] {
    const bool sent = sendto(fd, question.data(), question.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&where),
                             size) == static_cast<ssize_t>(question.size());
    if (!sent) *error = errno;
    return sent;
  };
  if (!IsMulticast(where)) return send();
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    *error = errno;
    return false;
  }
  const std::unique_ptr<ifaddrs, FreeInterfaces> interfaces(list);
  bool asked = false;
  std::set<std::string> asked_by_ipv6;  // there an interface has several addresses
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != where.ss_family) continue;
    if ((each->ifa_flags & IFF_UP) == 0 || (each->ifa_flags & IFF_MULTICAST) == 0) continue;
    if (IsIpv6(where) && !asked_by_ipv6.insert(each->ifa_name).second) continue;
    if (!LeaveBy(fd, *each)) continue;
    asked = send() || asked;
  }
  return asked;
}

// Addresses of one link mean nothing without their interface, which the answer came by.
void AddScope(const sockaddr_storage& from, AnnouncedBoard* board) {
  if (!IsIpv6(from) || AsIpv6(from).sin6_scope_id == 0) return;
  std::array<char, IF_NAMESIZE> interface = {};
  if (if_indextoname(AsIpv6(from).sin6_scope_id, interface.data()) == nullptr) return;
  for (std::string& address : board->addresses) {
    in6_addr bytes;
    if (inet_pton(AF_INET6, address.c_str(), &bytes) != 1 || !IN6_IS_ADDR_LINKLOCAL(&bytes)) {
      continue;
    }
    address += fmt::format("%{}", interface.data());
  }
}

using Found = std::map<std::pair<std::string, uint16_t>, AnnouncedBoard>;

void Receive(int fd, std::string* packet, Found* found) {
  sockaddr_storage from = {};
  socklen_t from_size = sizeof(from);
  const ssize_t size = recvfrom(fd, packet->data(), packet->size(), 0,
                                reinterpret_cast<sockaddr*>(&from), &from_size);
  if (size <= 0) return;
  const auto bytes = std::string_view(*packet).substr(0, static_cast<size_t>(size));
  for (AnnouncedBoard& board : ParseAnswerUntrusted(bytes)) {
    AddScope(from, &board);
    const std::pair key(board.host, board.port);
    const auto known = found->find(key);
    if (known == found->end()) {
      if (found->size() < kMaxBoards) found->emplace(key, std::move(board));
      continue;
    }
    // The same one by IPv4 and by IPv6.
    std::vector<std::string>& all = known->second.addresses;
    for (std::string& address : board.addresses) {
      if (std::ranges::find(all, address) == all.end() && all.size() < 16) {
        all.push_back(std::move(address));
      }
    }
  }
}

}  // namespace

std::vector<sockaddr_storage> MulticastDns() {
  std::vector<sockaddr_storage> both(2);
  auto& four = reinterpret_cast<sockaddr_in&>(both[0]);
  four.sin_family = AF_INET;
  four.sin_port = htons(kPort);
  four.sin_addr.s_addr = htonl(0xe00000fb);
  auto& six = reinterpret_cast<sockaddr_in6&>(both[1]);
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(kPort);
  inet_pton(AF_INET6, "ff02::fb", &six.sin6_addr);
  return both;
}

absl::StatusOr<std::vector<AnnouncedBoard>> SearchBoards(Nanoseconds patience,
                                                         const std::vector<sockaddr_storage>& ask) {
  std::vector<UniqueFd> sockets;
  std::vector<pollfd> pollers;
  int error = ENETUNREACH;
  for (const sockaddr_storage& where : ask) {
    UniqueFd fd(socket(where.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.ok()) error = errno;  // a host without IPv6, for one
    if (!fd.ok() || !Ask(fd.get(), where, &error)) continue;
    pollers.push_back({.fd = fd.get(), .events = POLLIN, .revents = 0});
    sockets.push_back(std::move(fd));
  }
  if (sockets.empty()) {
    return absl::UnavailableError(fmt::format(
        "Searching for boards by multicast DNS: {}; no network could be asked", strerror(error)));
  }
  Found found;
  const MonotonicTime end = RealClock().Now() + patience;
  std::string packet(kMaxPacketBytes, '\0');
  while (true) {
    const int64_t left_ms = (end - RealClock().Now()).count / 1'000'000;
    if (left_ms <= 0) break;
    const int wait_ms = static_cast<int>(std::min<int64_t>(left_ms, 60'000));
    if (poll(pollers.data(), pollers.size(), wait_ms) <= 0) continue;
    for (const pollfd& poller : pollers) {
      if (poller.revents != 0) Receive(poller.fd, &packet, &found);
    }
  }
  std::vector<AnnouncedBoard> boards;
  for (auto& [host, board] : found) boards.push_back(std::move(board));
  return boards;
}

}  // namespace synergy
