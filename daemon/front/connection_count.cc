#include "daemon/front/connection_count.h"

#include <algorithm>

#include "common/fair_share.h"
#include "daemon/front/socket_peer.h"

namespace synergy {

bool ConnectionCount::Admit(int connection) {
  std::erase_if(open_, [](const Open& open) { return InodeOf(open.fd) != open.inode; });
  std::string place = PeerOf(connection).place;
  const auto from_there =
      std::ranges::count_if(open_, [&place](const Open& open) { return open.place == place; });
  const auto there = static_cast<size_t>(from_there);
  if (open_.size() >= kMaxConnections || there >= kMaxFromOnePlace ||
      !LeavesAShare(there + 1, kMaxConnections - open_.size() - 1)) {
    return false;
  }
  open_.push_back({.fd = connection, .inode = InodeOf(connection), .place = std::move(place)});
  return true;
}

}  // namespace synergy
