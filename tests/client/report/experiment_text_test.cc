#include "client/report/experiment_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Estimate Around(double mean, double half_width) {
  return {.mean = mean, .low = mean - half_width, .high = mean + half_width};
}

// The loop is slower by 0.9 %, and so dearer; the power is the same.
TEST(LoopText, ComparesPowersBesideEnergiesAndBlamesNoCacheWhereTheLoopIsSlower) {
  RunReport report;
  report.loop = LoopCheck{.op = 62, .name = "conv10", .executions = 787, .time_s = 24.777e-3};
  report.loop->network_time_s = 24.561e-3;
  report.loop->rails.push_back({.rail = "VDD_IN",
                                .looped_j = Around(148.66e-3, 0.1e-3),
                                .attributed_j = Around(147.37e-3, 0.1e-3),
                                .difference_j = Around(1.29e-3, 0.14e-3),
                                .looped_w = Around(6.000, 0.004),
                                .attributed_w = Around(6.000, 0.004),
                                .difference_w = Around(0, 0.0057)});
  EXPECT_THAT(LoopText(report),
              AllOf(HasSubstr("+0.88 ± 0.09  no "), HasSubstr("+0.00 ± 0.10  yes\n"),
                    HasSubstr("may take less time there or more"), Not(HasSubstr("quicker"))));
}

}  // namespace
}  // namespace synergy
