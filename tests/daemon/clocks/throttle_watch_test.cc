#include "daemon/clocks/throttle_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Conditions Seen(const std::string& what, uint64_t value) {
  v1::Conditions now;
  now.add_throttles()->set_what(what);
  now.mutable_throttles(0)->set_value(value);
  return now;
}

TEST(ThrottleWatch, ACounterThatRoseInTheSpanTells) {
  ThrottleWatch watch;
  watch.See(Seen("cpu0 core_throttle_count", 3));
  watch.See(Seen("cpu0 core_throttle_count", 5));
  watch.BeginSpan();
  EXPECT_THAT(watch.EndSpan(), IsEmpty()) << "it rose before";
  watch.See(Seen("cpu0 core_throttle_count", 6));
  EXPECT_THAT(watch.EndSpan(), ElementsAre("cpu0 core_throttle_count went from 5 to 6"));
}

TEST(ThrottleWatch, AStateAboveZeroTellsEvenWhereItWasSoBefore) {
  ThrottleWatch watch;
  watch.See(Seen("cooling cpufreq-cpu0 1", 2));
  watch.BeginSpan();
  EXPECT_THAT(watch.EndSpan(),
              ElementsAre("cooling cpufreq-cpu0 1 was in state 2 (0: it lowers no clock)"));
  watch.See(Seen("cooling cpufreq-cpu0 1", 0));
  watch.BeginSpan();
  EXPECT_THAT(watch.EndSpan(), IsEmpty());
}

TEST(ThrottleWatch, ACoreThatIsOffIsNoThrottling) {
  ThrottleWatch watch;
  watch.BeginSpan();
  watch.See(Seen("cpu3 off", 0));
  watch.See(Seen("cpu3 off", 1));
  EXPECT_THAT(watch.EndSpan(), IsEmpty());
}

}  // namespace
}  // namespace synergy
