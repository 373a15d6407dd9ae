#include "client/net/board_search.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/unique_fd.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxPacketBytes = 9000;  // RFC 6762, 17
constexpr size_t kMaxBoards = 1000;       // somebody plays with us

struct FreeInterfaces {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

// Whether the question went out by any interface; `error` is an errno where not.
bool Ask(int fd, const sockaddr_in& where, int* error) {
  const std::string question = BoardsQuestion();
  const auto send = [&] {
    const bool sent = sendto(fd, question.data(), question.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&where),
                             sizeof(where)) == static_cast<ssize_t>(question.size());
    if (!sent) *error = errno;
    return sent;
  };
  if (!IN_MULTICAST(ntohl(where.sin_addr.s_addr))) return send();
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    *error = errno;
    return false;
  }
  const std::unique_ptr<ifaddrs, FreeInterfaces> interfaces(list);
  bool asked = false;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    if ((each->ifa_flags & IFF_UP) == 0 || (each->ifa_flags & IFF_MULTICAST) == 0) continue;
    const in_addr own = reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr;
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &own, sizeof(own)) != 0) continue;
    asked = send() || asked;
  }
  return asked;
}

}  // namespace

sockaddr_in MulticastDns() {
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_port = htons(5353);
  where.sin_addr.s_addr = htonl(0xe00000fb);
  return where;
}

absl::StatusOr<std::vector<AnnouncedBoard>> SearchBoards(Nanoseconds patience,
                                                         const sockaddr_in& ask) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int error = fd.ok() ? ENETUNREACH : errno;
  if (!fd.ok() || !Ask(fd.get(), ask, &error)) {
    return absl::UnavailableError(fmt::format(
        "Searching for boards by multicast DNS: {}; no network could be asked", strerror(error)));
  }
  std::map<std::pair<std::string, uint16_t>, AnnouncedBoard> found;
  const MonotonicTime end = RealClock().Now() + patience;
  std::string packet(kMaxPacketBytes, '\0');
  while (true) {
    const int64_t left_ms = (end - RealClock().Now()).count / 1'000'000;
    if (left_ms <= 0) break;
    pollfd poller{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (poll(&poller, 1, static_cast<int>(std::min<int64_t>(left_ms, 60'000))) <= 0) continue;
    const ssize_t size = recv(fd.get(), packet.data(), packet.size(), 0);
    if (size <= 0) continue;
    for (AnnouncedBoard& board :
         ParseAnswerUntrusted(std::string_view(packet).substr(0, static_cast<size_t>(size)))) {
      if (found.size() < kMaxBoards) found[{board.host, board.port}] = std::move(board);
    }
  }
  std::vector<AnnouncedBoard> boards;
  for (auto& [host, board] : found) boards.push_back(std::move(board));
  return boards;
}

}  // namespace synergy
