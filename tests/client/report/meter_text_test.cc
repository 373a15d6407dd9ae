#include "client/report/meter_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::MeterRecord Record() {
  v1::MeterRecord record;
  record.set_command("my_meter --port 1");
  record.set_period_s(0.0005);
  record.add_rails()->set_name("supply");
  record.mutable_rails(0)->set_readings(4000);
  record.set_bound_ns(11'200);
  record.add_segments()->set_drift(-35.2e-6);
  record.add_chirps()->set_found(true);
  record.add_chirps()->set_found(true);
  record.mutable_chirps(1)->set_after(true);
  return record;
}

TEST(MeterText, StatesTheUncertaintyOfTheClock) {
  const std::string text = MeterText(Record());
  EXPECT_THAT(text, HasSubstr("exec:my_meter --port 1\n"));
  EXPECT_THAT(text, HasSubstr("1 rail, 4000 readings, 2000.0 Hz\n"));
  EXPECT_THAT(text, HasSubstr("meter clock: ±12 us after chirp, drift +35.2 ppm\n"));
}

TEST(MeterText, TellsJumpsAndWhatWasNoReading) {
  v1::MeterRecord record = Record();
  record.add_jumps()->set_step_ns(-50'000'000);
  record.set_backward(3);
  record.set_bad_lines(1);
  record.set_first_bad_line("hello");
  const std::string text = MeterText(record);
  EXPECT_THAT(text, HasSubstr("jumped by -50.000 ms"));
  EXPECT_THAT(text, HasSubstr("2 stamped before the one before"));
  EXPECT_THAT(text, HasSubstr("1 line of no reading: hello"));
}

TEST(MeterText, SaysThatNothingIsKnownOfTheClockWhereThatIsSo) {
  v1::MeterRecord record = Record();
  record.mutable_chirps(1)->set_found(false);
  record.mutable_chirps(1)->set_why_not("nowhere");
  EXPECT_THAT(MeterText(record), HasSubstr("drift not known"));
  EXPECT_THAT(MeterText(record), HasSubstr("after the job nowhere"));
  record.clear_segments();
  EXPECT_THAT(MeterText(record), HasSubstr("not brought onto the board's"));
  EXPECT_THAT(MeterText(record), Not(HasSubstr("±")));
}

}  // namespace
}  // namespace synergy
