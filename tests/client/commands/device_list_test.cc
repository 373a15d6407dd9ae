#include "client/commands/device_list.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

v1::PairedBoard Paired(const std::string& id, const std::vector<std::string>& hosts) {
  v1::PairedBoard board;
  board.set_board_id(id);
  board.set_role(v1::ROLE_RUN);
  for (const std::string& host : hosts) board.add_hosts(host);
  return board;
}

AnnouncedBoard Announced(const std::string& host, std::vector<std::string> addresses) {
  return {.name = "synergy", .host = host, .port = 7741, .addresses = std::move(addresses)};
}

TEST(DeviceList, HoldsWhatIsPairedAndWhatIsFound) {
  const std::vector<v1::PairedBoard> paired = {Paired("a", {"tx1.local:7741"}), Paired("b", {})};
  const auto devices =
      ListDevices(paired, {Announced("tx1.local", {}), Announced("nano.local", {})});
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_TRUE(devices.at("tx1.local:7741").found);
  EXPECT_EQ(devices.at("tx1.local:7741").paired, &paired[0]);
  EXPECT_EQ(devices.at("nano.local:7741").paired, nullptr);
  EXPECT_FALSE(devices.at("(b)").found);
}

// Was listed as not paired under its name, and as not found under its address.
TEST(DeviceList, ABoardThatWasPairedUnderAnAddressIsKnownUnderItsName) {
  const std::vector<v1::PairedBoard> paired = {
      Paired("a", {"192.168.1.7:7741", "[fe80::1%eth0]:7741"})};
  const auto devices =
      ListDevices(paired, {Announced("tx1.local", {"fe80:0::1%eth1", "192.168.1.7"})});
  ASSERT_EQ(devices.size(), 3u);
  for (const char* host : {"tx1.local:7741", "192.168.1.7:7741", "[fe80::1%eth0]:7741"}) {
    EXPECT_TRUE(devices.at(host).found) << host;
    EXPECT_EQ(devices.at(host).paired, &paired[0]) << host;
  }
}

TEST(DeviceList, AnotherPortOrAddressIsAnotherBoard) {
  const std::vector<v1::PairedBoard> paired = {
      Paired("a", {"192.168.1.7:7742", "192.168.1.8:7741", "192.168.1.70:7741"})};
  const auto devices = ListDevices(paired, {Announced("tx1.local", {"192.168.1.7"})});
  EXPECT_EQ(devices.at("tx1.local:7741").paired, nullptr);
  EXPECT_FALSE(devices.at("192.168.1.7:7742").found);
  EXPECT_FALSE(devices.at("192.168.1.8:7741").found);
}

TEST(DeviceList, ThePairingOfTheNameComesBeforeThatOfTheAddress) {
  const std::vector<v1::PairedBoard> paired = {Paired("a", {"192.168.1.7:7741"}),
                                               Paired("b", {"tx1.local:7741"})};
  const auto devices = ListDevices(paired, {Announced("tx1.local", {"192.168.1.7"})});
  EXPECT_EQ(devices.at("tx1.local:7741").paired, &paired[1]);
}

}  // namespace
}  // namespace synergy
