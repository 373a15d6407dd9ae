#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/diagnosis/areas.h"
#include "tests/daemon/diagnosis/checks.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// An INA3221 at its fastest with three channels.
v1::ChannelInfo Channel(const std::string& rail, uint32_t average = 1) {
  v1::ChannelInfo channel;
  channel.set_rail(rail);
  channel.set_quantity(v1::ChannelInfo::QUANTITY_CURRENT);
  channel.mutable_window()->set_slot_s(140e-6);
  channel.mutable_window()->set_period_s(840e-6);
  channel.mutable_window()->set_period_tolerance(0.1);
  channel.mutable_window()->set_average(average);
  return channel;
}

v1::BoardInfo Board(const std::vector<v1::ChannelInfo>& channels, double max_rate_hz = 0) {
  v1::BoardInfo board;
  board.set_default_rate_hz(1000);
  v1::SourceInfo& source = *board.add_sources();
  source.set_max_rate_hz(max_rate_hz);
  for (const v1::ChannelInfo& channel : channels) *source.add_channels() = channel;
  return board;
}

std::vector<std::string> Found(const v1::BoardInfo& board, bool root = true) {
  v1::Diagnosis diagnosis;
  FindResolution(board, root, diagnosis);
  return Lines(diagnosis);
}

TEST(FindResolution, RailsThatAreMeasuredAlikeAreToldTogether) {
  v1::ChannelInfo voltage = Channel("VDD_IN");
  voltage.set_quantity(v1::ChannelInfo::QUANTITY_VOLTAGE);
  EXPECT_THAT(Found(Board({Channel("VDD_IN"), Channel("VDD_GPU"), voltage})),
              ElementsAre(AllOf(StartsWith("good resolution: VDD_IN, VDD_GPU: a conversion of 0.14 "
                                           "ms in every 0.84 ms (+-10 %), at an unknown place"),
                                HasSubstr("Operators of 1.92 ms and more"),
                                HasSubstr("shorter ones are smeared"))));
}

TEST(FindResolution, ASlowFilterIsLimitedAndRootSwitchesItOff) {
  const v1::BoardInfo board = Board({Channel("VDD_IN", 512)});
  EXPECT_THAT(Found(board, false),
              ElementsAre(AllOf(StartsWith("LIMITED"), HasSubstr("filter of 512 readings (430 ms)"),
                                HasSubstr("Operators of 2.18 s and more"), HasSubstr("as root"))));
  EXPECT_THAT(Found(board, true), ElementsAre(HasSubstr("--source exec:COMMAND")));
}

TEST(FindResolution, ASourceIsNotReadFasterThanItCan) {
  EXPECT_THAT(Found(Board({Channel("VDD_IN")}, 10)),
              ElementsAre(AllOf(StartsWith("LIMITED"), HasSubstr("read 10 times a second"),
                                HasSubstr("Operators of 101 ms"))));
}

TEST(FindResolution, AWindowThatNobodyKnowsIsSaidToBeUnknown) {
  v1::ChannelInfo channel;
  channel.set_rail("battery");
  EXPECT_THAT(Found(Board({channel})), ElementsAre(AllOf(StartsWith("LIMITED resolution: battery"),
                                                         HasSubstr("not known"))));
}

TEST(FindResolution, ACounterIsCalledOne) {
  v1::ChannelInfo counter = Channel("package-0");
  counter.set_quantity(v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
  EXPECT_THAT(Found(Board({counter})),
              ElementsAre(HasSubstr("an energy counter, updated every 0.84 ms")));
}

}  // namespace
}  // namespace synergy
