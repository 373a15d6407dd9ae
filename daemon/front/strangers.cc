#include "daemon/front/strangers.h"

#include <algorithm>
#include <iterator>

namespace synergy {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

// "ipv4:10.0.0.7:41234", "ipv6:%5Bfe80::1%253%5D:41234": a URI.
SocketPeer ParsePeer(std::string_view text) {
  text.remove_prefix(std::min(text.size(), text.find(':') + 1));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string address(text.substr(0, colon));
  for (const std::string_view bracket : {"%5B", "%5D", "[", "]"}) {
    const size_t at = address.find(bracket);
    if (at != std::string::npos) address.erase(at, bracket.size());
  }
  return {.address = address.substr(0, address.find('%')),  // without the interface
          .port = std::string(text.substr(colon + 1)),
          .place = ""};
}

}  // namespace

void Strangers::Serve(int connection) {
  const absl::MutexLock lock(&mutex_);
  served_.push_back({.fd = connection, .inode = InodeOf(connection), .peer = PeerOf(connection)});
}

void Strangers::Called(std::string_view peer) {
  const absl::MutexLock lock(&mutex_);
  if (served_.empty()) return;
  const SocketPeer caller = ParsePeer(peer);
  std::erase_if(served_, [&caller](const Served& served) {
    return served.peer.port == caller.port && served.peer.address == caller.address;
  });
}

bool Strangers::Look() {
  std::vector<Served> gone;
  bool some = false;
  {
    const absl::MutexLock lock(&mutex_);
    const auto ended = std::ranges::partition(
        served_, [](const Served& served) { return InodeOf(served.fd) == served.inode; });
    gone.assign(std::make_move_iterator(ended.begin()), std::make_move_iterator(ended.end()));
    served_.erase(ended.begin(), ended.end());
    some = !served_.empty();
  }
  for (const Served& served : gone) {
    Refuse(served.peer,
           "TLS failed, or it had no certificate of this board's, or it went without a call");
  }
  return some;
}

void Strangers::Refuse(const SocketPeer& peer, const std::string& why) {
  {
    const absl::MutexLock lock(&mutex_);
    const int64_t second = clock_.Now().ns / kSecondNs;
    if (second != second_) told_ = 0;
    second_ = second;
    if (++told_ > kMaxASecond) return;
  }
  tell_(peer.address.empty() ? "an address that is gone" : peer.address, why);
}

}  // namespace synergy
