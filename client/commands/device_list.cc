#include "client/commands/device_list.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <optional>

#include "client/net/host_address.h"

namespace synergy {
namespace {

// One spelling of each address, and without its link; "": it is a name.
std::string PlainAddress(const std::string& text) {
  const std::string without_link = text.substr(0, text.find('%'));
  for (const int family : {AF_INET, AF_INET6}) {
    in6_addr bytes = {};
    if (inet_pton(family, without_link.c_str(), &bytes) != 1) continue;
    char plain[INET6_ADDRSTRLEN] = {};
    return inet_ntop(family, &bytes, plain, sizeof(plain));
  }
  return "";
}

bool IsAddressOf(const std::string& host, const AnnouncedBoard& board) {
  const absl::StatusOr<HostAddress> parsed = ParseHost(host);
  const TcpAddress* tcp = parsed.ok() ? std::get_if<TcpAddress>(&*parsed) : nullptr;
  if (tcp == nullptr || tcp->port != board.port) return false;
  const std::string plain = PlainAddress(tcp->name);
  if (plain.empty()) return false;
  for (const std::string& address : board.addresses) {
    if (PlainAddress(address) == plain) return true;
  }
  return false;
}

}  // namespace

std::map<std::string, ListedDevice> ListDevices(const std::vector<v1::PairedBoard>& paired,
                                                const std::vector<AnnouncedBoard>& announced) {
  std::map<std::string, ListedDevice> devices;
  for (const v1::PairedBoard& board : paired) {
    if (board.hosts().empty()) devices[fmt::format("({})", board.board_id())].paired = &board;
    for (const std::string& host : board.hosts()) devices[host].paired = &board;
  }
  const auto find = [](ListedDevice& device, const AnnouncedBoard& board) {
    device.found = true;
    device.name = board.name;
    device.addresses = board.addresses;
  };
  for (const AnnouncedBoard& board : announced) {
    ListedDevice& device = devices[HostPort(TcpAddress{.name = board.host, .port = board.port})];
    find(device, board);
    for (const v1::PairedBoard& known : paired) {
      for (const std::string& host : known.hosts()) {
        if (!IsAddressOf(host, board)) continue;
        find(devices[host], board);
        if (device.paired == nullptr) device.paired = &known;
      }
    }
  }
  return devices;
}

}  // namespace synergy
