#include "common/records/resolution.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

// An INA3221 at its fastest with three channels.
v1::ChannelInfo Channel(uint32_t average = 1) {
  v1::ChannelInfo channel;
  channel.mutable_window()->set_slot_s(140e-6);
  channel.mutable_window()->set_period_s(840e-6);
  channel.mutable_window()->set_period_tolerance(0.1);
  channel.mutable_window()->set_average(average);
  return channel;
}

TEST(WindowLength, IsThePeriodTheSlotOrTheFiltersTimeConstant) {
  v1::ChannelInfo channel = Channel();
  EXPECT_NEAR(*WindowLength(channel.window()), 0.84e-3 * 1.1, 1e-9);
  channel.mutable_window()->set_phase_known(true);
  EXPECT_NEAR(*WindowLength(channel.window()), 140e-6, 1e-9);
  channel.mutable_window()->set_average(512);
  EXPECT_NEAR(*WindowLength(channel.window()), 512 * 0.84e-3 * 1.1, 1e-9);
  EXPECT_FALSE(WindowLength(v1::Window()).has_value());
}

TEST(CanSeparate, WhereNoFilterMixesAndConversionsAreKnownOrCanBeFound) {
  EXPECT_TRUE(CanSeparate(Channel())) << "a free-running chip";
  EXPECT_FALSE(CanSeparate(Channel(64)));
  v1::ChannelInfo channel = Channel();
  channel.mutable_window()->clear_slot_s();
  EXPECT_FALSE(CanSeparate(channel)) << "how long it converts is not known";
  channel.set_quantity(v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
  EXPECT_TRUE(CanSeparate(channel)) << "it counts from update to update";
  channel.mutable_window()->clear_period_s();
  EXPECT_FALSE(CanSeparate(channel));
  channel.mutable_window()->set_stamps_are_window(true);
  EXPECT_TRUE(CanSeparate(channel));
}

TEST(ShortestResolved, IsTheWindowAndTheTimeBetweenTwoReadings) {
  EXPECT_NEAR(*ShortestResolved(Channel(), 1000), 0.84e-3 * 1.1 + 1e-3, 1e-9);
  EXPECT_NEAR(*ShortestResolved(Channel(), 100), 0.84e-3 * 1.1 + 10e-3, 1e-9);
}

TEST(ShortestResolved, AFilterTakesUntilItHasFollowedAStepToOnePercent) {
  const double window_s = *ShortestResolved(Channel(64), 1000) - 1e-3;
  // new = old + (x - old) / N, the step being from 0 to 1.
  double rest = 1;
  for (double s = 0; s < window_s; s += 0.84e-3 * 1.1) rest -= rest / 64;
  EXPECT_LT(rest, 0.01);
  EXPECT_GT(rest, 0.0095);
}

TEST(ShortestResolved, OfAKnownPlaceTheSlotCountsAlone) {
  v1::ChannelInfo channel = Channel();
  channel.mutable_window()->set_phase_known(true);
  EXPECT_NEAR(*ShortestResolved(channel, 1000), 140e-6 + 1e-3, 1e-9);
}

TEST(ShortestResolved, IsNotKnownWhereTheWindowIsNot) {
  EXPECT_FALSE(ShortestResolved(v1::ChannelInfo(), 1000).has_value());
  EXPECT_FALSE(ShortestResolved(Channel(), 0).has_value());
}

}  // namespace
}  // namespace synergy
