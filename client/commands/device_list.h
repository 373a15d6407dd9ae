// Which boards are there and which are paired, as one list. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/net/service_answer.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

struct ListedDevice {
  bool found = false;
  std::string name;                         // as it announces itself
  std::vector<std::string> addresses;       // likewise
  const v1::PairedBoard* paired = nullptr;  // borrowed
};

// By HostPort; a pairing whose hosts are all other boards' now by "(BOARD)". A board that was
// paired under an address and is announced under a name stands there under both, as paired and as
// found: what it announces is its own claim, until somebody speaks with it.
std::map<std::string, ListedDevice> ListDevices(const std::vector<v1::PairedBoard>& paired,
                                                const std::vector<AnnouncedBoard>& announced);

}  // namespace synergy
