// How many connections are open by TCP, in all and from one place, so that nobody uses up the
// front's descriptors.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace synergy {

// Of one thread.
class ConnectionCount {
 public:
  static constexpr size_t kMaxConnections = 512;
  // Of one IPv4 address, or of one network of 2^64 IPv6 addresses, which is what one host has.
  static constexpr size_t kMaxFromOnePlace = 128;

  // Counts `connection` until its descriptor is closed, by whomever. False: there are too many.
  bool Admit(int connection);

 private:
  // A descriptor's number is used again; its socket's inode is not, while we look at it.
  struct Open {
    int fd = -1;
    ino_t inode = 0;
    std::string place;
  };
  std::vector<Open> open_;
};

}  // namespace synergy
