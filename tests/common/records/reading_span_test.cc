#include "common/records/reading_span.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

v1::Window ChipWindow(uint32_t average = 1) {
  v1::Window window;
  window.set_slot_s(1e-3);
  window.set_period_s(6e-3);
  window.set_period_tolerance(0.1);
  window.set_average(average);
  return window;
}

Reading At(int64_t begin_us, int64_t end_us, Freshness freshness = Freshness::kUnknown) {
  return {.begin_ns = begin_us * 1000, .end_ns = end_us * 1000, .raw = 1, .freshness = freshness};
}

int64_t Us(MonotonicTime t) { return t.ns / 1000; }

TEST(SpanOf, EndsWithinTheSlowestPeriodBeforeTheReadAndBeginsASlotEarlier) {
  const auto span = SpanOf(At(100'000, 100'200), ChipWindow(), nullptr);
  ASSERT_TRUE(span.has_value());
  EXPECT_EQ(Us(span->end.earliest), 100'000 - 6600);
  EXPECT_EQ(Us(span->end.latest), 100'200);
  EXPECT_EQ(Us(span->begin.earliest), 100'000 - 6600 - 1100);
  EXPECT_EQ(Us(span->begin.latest), 100'200 - 900);
}

TEST(SpanOf, AFreshOneEndedAfterTheReadBefore) {
  const Reading before = At(99'000, 99'200);
  const auto span = SpanOf(At(100'000, 100'200, Freshness::kFresh), ChipWindow(), &before);
  EXPECT_EQ(Us(span->end.earliest), 99'000);
  const auto unknown = SpanOf(At(100'000, 100'200), ChipWindow(), &before);
  EXPECT_EQ(Us(unknown->end.earliest), 100'000 - 6600);
}

TEST(SpanOf, ARepeatEndedBeforeTheReadBefore) {
  const Reading before = At(99'000, 99'200);
  const auto span = SpanOf(At(100'000, 100'200, Freshness::kRepeat), ChipWindow(), &before);
  EXPECT_EQ(Us(span->end.latest), 99'200);
  EXPECT_EQ(Us(span->end.earliest), 100'000 - 6600);
}

TEST(SpanOf, AReadThatConvertsIsItsOwnConversion) {
  v1::Window window = ChipWindow();
  window.set_phase_known(true);
  const auto span = SpanOf(At(100'000, 108'000), window, nullptr);
  EXPECT_EQ(Us(span->end.earliest), 100'000);
  EXPECT_EQ(Us(span->end.latest), 108'000);
}

TEST(SpanOf, AFilterReachesBackToWhereThatWeightIsHeld) {
  EXPECT_EQ(ConversionsInSpan(1), 1);
  EXPECT_EQ(ConversionsInSpan(4), 11);    // 0.75^11 = 0.042
  EXPECT_EQ(ConversionsInSpan(64), 191);  // (63/64)^191 = 0.0494
  const auto span = SpanEndingIn({{200'000'000}, {200'000'000}}, ChipWindow(4));
  EXPECT_EQ(Us(span->begin.earliest), 200'000 - 67'100);  // (1 + 10 x 6) ms of a chip 10 % slow
  EXPECT_EQ(Us(span->begin.latest), 200'000 - 54'900);
}

TEST(SpanOf, IsNotKnownWithoutAWindow) {
  EXPECT_FALSE(SpanOf(At(1, 2), v1::Window(), nullptr).has_value());
}

TEST(IndependentHz, IsTheFreshRateButForAFilter) {
  EXPECT_DOUBLE_EQ(IndependentHz(150, 1), 150);
  EXPECT_DOUBLE_EQ(IndependentHz(127, 64), 1);
  EXPECT_DOUBLE_EQ(IndependentHz(ChipWindow()), 1 / 6e-3);
  EXPECT_EQ(IndependentHz(v1::Window()), 0);
}

}  // namespace
}  // namespace synergy
