#include "client/analysis/observer_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace synergy {
namespace {

v1::RunEnd End() {
  v1::RunEnd end;
  v1::ObserverCost& cost = *end.mutable_observer();
  cost.set_time_s(2);
  cost.set_cpu_s(0.1);
  cost.set_wakeups(4000);
  cost.set_bus_transfers(8000);
  cost.set_bytes_written(50'000);
  cost.set_bytes_sent(60'000);
  return end;
}

TEST(ObserverJson, HasEveryNumberOfTheRecord) {
  const auto json = ObserverJson(End());
  EXPECT_EQ(json["time_s"], 2);
  EXPECT_EQ(json["cpu_s"], 0.1);
  EXPECT_EQ(json["wakeups"], 4000);
  EXPECT_EQ(json["bus_transfers"], 8000);
  EXPECT_EQ(json["bytes_written"], 50'000);
  EXPECT_EQ(json["bytes_sent"], 60'000);
  EXPECT_TRUE(json["estimate"].is_null());
}

TEST(ObserverJson, IsNullWhereTheRunDoesNotSayIt) {
  EXPECT_TRUE(ObserverJson(v1::RunEnd()).is_null());
}

TEST(ObserverJson, BytesThatAreNotKnownToBeSentAreNull) {
  v1::RunEnd end = End();
  end.mutable_observer()->clear_bytes_sent();
  EXPECT_TRUE(ObserverJson(end)["bytes_sent"].is_null());
}

// Two busy cores that draw 6 W above the idle board: 3 W each, for a tenth of a second.
TEST(ObserverEnergy, IsTheCpuTimeAtWhatABusyCoreDraws) {
  const BusyCores busy{.rail = "VDD_IN", .dynamic_w = 6, .cores = 2};
  EXPECT_DOUBLE_EQ(*ObserverEnergy(End().observer(), busy), 0.3);
  const auto json = ObserverJson(End(), busy);
  EXPECT_DOUBLE_EQ(json["estimate"]["energy_j"], 0.3);
  EXPECT_EQ(json["estimate"]["rail"], "VDD_IN");
}

TEST(ObserverEnergy, IsNothingWhereTheJobDrewNoMoreThanTheIdleBoard) {
  EXPECT_FALSE(ObserverEnergy(End().observer(), {.rail = "VDD_IN", .dynamic_w = -0.1}));
  EXPECT_FALSE(ObserverEnergy(End().observer(), {.rail = "VDD_IN", .dynamic_w = 1, .cores = 0}));
}

}  // namespace
}  // namespace synergy
