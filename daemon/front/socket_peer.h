// Who is at the other end of a TCP connection, and which socket a descriptor is.
#pragma once

#include <sys/types.h>

#include <string>

namespace synergy {

struct SocketPeer {
  std::string address;  // "10.0.0.7", "fe80::1"; "": none
  std::string port;
  std::string place;  // bytes: the IPv4 address, or the network of 2^64 IPv6 addresses
};
// What comes by IPv4 to a socket of both is IPv4.
SocketPeer PeerOf(int connection);

// 0: there is no such descriptor. A descriptor's number is used again; its socket's inode is not,
// while we look at it.
ino_t InodeOf(int fd);

}  // namespace synergy
