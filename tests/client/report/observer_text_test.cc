#include "client/report/observer_text.h"

#include <gtest/gtest.h>

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
  cost.set_bytes_sent(1'500'000);
  return end;
}

TEST(ObserverText, GivesRatesAndAmounts) {
  EXPECT_EQ(ObserverText(End()),
            "  observer 5.0 % of a CPU, 2000 wake-ups/s, 4000 bus transfers/s, 50.0 kB written, "
            "1.5 MB sent\n");
}

TEST(ObserverText, StatesTheEstimateWithItsFormula) {
  EXPECT_EQ(ObserverText(End(), BusyCores{.rail = "VDD_IN", .dynamic_w = 6, .cores = 2}),
            "  observer 5.0 % of a CPU, 2000 wake-ups/s, 4000 bus transfers/s, 50.0 kB written, "
            "1.5 MB sent; about 0.3 J of VDD_IN (CPU seconds x 3.00 W a busy core)\n");
}

TEST(ObserverText, IsEmptyWhereTheRunDoesNotSayIt) { EXPECT_EQ(ObserverText(v1::RunEnd()), ""); }

}  // namespace
}  // namespace synergy
