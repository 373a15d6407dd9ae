// Multicast DNS (RFC 6762) as far as it finds the boards that announce themselves: the question for
// services of the type _synergy._tcp (RFC 6763), and what answers say. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synergy {

struct AnnouncedBoard {
  std::string name;  // for people: "synergy on tx1"
  std::string host;  // "tx1.local"
  uint16_t port = 0;
  // Of the host, as far as the answer says them: "192.168.1.7", "fe80::1".
  std::vector<std::string> addresses = {};
};

// A packet that asks for all boards, each to answer to the asker alone.
std::string BoardsQuestion();

// The boards of one answer, which anybody on the network may have sent. Empty where it is none, or
// is broken; a board without its host and port is left out.
std::vector<AnnouncedBoard> ParseAnswerUntrusted(std::string_view packet);

}  // namespace synergy
