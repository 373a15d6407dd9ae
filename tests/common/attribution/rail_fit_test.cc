#include "common/attribution/rail_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/attribution/rail_readings.h"
#include "common/attribution/run_course.h"
#include "common/attribution/slow_drift.h"
#include "tests/support/played_run.h"

namespace synergy {
namespace {

TEST(CycleFit, APartWithoutAConversionThatIsCertainSaysNothing) {
  sim::VirtualRunOptions options;
  options.board = "sim:jetson-tx1";
  options.threads = 4;
  options.iterations = 40;
  const auto played = Play(**FindModel("squeezenet"), options);
  ASSERT_TRUE(played.ok()) << played.status();
  const RunCourse course = CourseOf(played->data, WholeOf(played->data));
  const SlowDrift drift(0, course.occupancy.end_ns());
  std::vector<RailReadings> rails = ReadingsOf(played->data, course.part);
  std::vector<const RailReadings*> inputs;
  for (const RailReadings& rail : rails) inputs.push_back(&rail);
  CycleFit fit(rails.size());
  fit.AddPart(course, drift, inputs, nullptr);
  fit.EndPart();
  const std::vector<RailFit> before = fit.Result();

  for (RailReadings& rail : rails) {  // reads that took as long as several conversions
    std::erase_if(rail.readings, [&](const StepReading& r) {
      return r.begin_ns < course.measure_begin || r.end_ns > course.measure_end;
    });
    for (StepReading& r : rail.readings) r.end_ns += 5e6;
  }
  fit.AddPart(course, drift, inputs, nullptr);
  fit.EndPart();
  const std::vector<RailFit> after = fit.Result();
  for (size_t i = 0; i < rails.size(); ++i) {
    ASSERT_EQ(before[i].windows, WindowKind::kFitted) << before[i].rail;
    EXPECT_EQ(after[i].used, before[i].used) << before[i].rail;
    EXPECT_GT(after[i].readings, before[i].readings) << before[i].rail;
    EXPECT_TRUE(after[i].p.isApprox(before[i].p, 1e-9)) << before[i].rail;
  }
}

}  // namespace
}  // namespace synergy
