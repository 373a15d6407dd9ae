#include "client/traces/meter_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/records/chunk.h"
#include "common/records/readings.h"

namespace synergy {
namespace {

v1::MeterRecord Record() {
  v1::MeterRecord record;
  record.set_command("printer \"x\"");
  for (const auto& [name, readings] : {std::pair("USB", 3), std::pair("HUB", 1)}) {
    v1::MeterRecord::Rail* rail = record.add_rails();
    rail->set_name(name);
    rail->set_readings(static_cast<uint64_t>(readings));
  }
  for (const int64_t device_ns : {5'000, 9'000}) {  // the clock jumped before its third line
    v1::MeterRecord::Segment* segment = record.add_segments();
    segment->set_stamp_ns(1'000);
    segment->set_device_ns(device_ns);
  }
  record.set_bound_ns(12'345.678901234567);
  return record;
}

const std::vector<MeterRail> kRails = {
    {"USB", {{1'000, 4.3125}, {2'000, 1e-6}, {1'500, -0.25}}, {2}}, {"HUB", {{1'700, 7}}, {1}}};

std::string RowsOf(const v1::MeterRecord& record) {
  MeterRows rows(record, kRails);
  std::string text = MeterRows::HeaderLine();
  for (int i = 0; i < 5; ++i) rows.Append(1, &text);  // a row at a time is all of them
  return text;
}

TEST(MeterTrace, HasTheReadingsOnBothClocks) {
  EXPECT_EQ(RowsOf(Record()),
            "rail,stamp_ns,at_ns,power_w\n"
            "USB,1000,5000,4.312500\n"
            "USB,2000,6000,0.000001\n"
            "USB,1500,9500,-0.250000\n"
            "HUB,1700,5700,7.000000\n");
  v1::MeterRecord unknown = Record();
  unknown.clear_segments();
  EXPECT_THAT(RowsOf(unknown), testing::HasSubstr("\nUSB,1000,,4.312500\n"));
}

TEST(MeterTrace, ComesBackAsItWas) {
  const v1::MeterRecord record = Record();
  const auto trace =
      ParseMeterTrace(RowsOf(record), "meter.csv", MeterRecordText(record), "meter.json");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->record.SerializeAsString(), record.SerializeAsString());
  ASSERT_EQ(trace->chunks.size(), 2u);
  EXPECT_TRUE(VerifyChunkUntrusted(trace->chunks[0]).ok());
  EXPECT_EQ(trace->chunks[1].channel(), kFirstSensorChannel + 1);
  const auto readings = DecodeReadingsUntrusted(trace->chunks[0].data(), 3);
  ASSERT_TRUE(readings.ok());
  EXPECT_EQ((*readings)[0].raw, 4'312'500);
  EXPECT_EQ((*readings)[2].raw, -250'000);
  EXPECT_EQ((*readings)[2].begin_ns, 1'500);
}

TEST(MeterTrace, WhatIsWrongIsToldWithItsPlace) {
  const std::string record = MeterRecordText(Record()), rows = RowsOf(Record());
  const auto error = [&](const std::string& text, const std::string& json) {
    const auto trace = ParseMeterTrace(text, "meter.csv", json, "meter.json");
    EXPECT_TRUE(absl::IsInvalidArgument(trace.status()));
    return trace.status().ToString();
  };
  using testing::HasSubstr;
  EXPECT_THAT(error(rows, "{"), HasSubstr("meter.json: no record of a meter"));
  EXPECT_THAT(error(rows + "UBS,1,,1\n", record), HasSubstr("meter.csv:6: the meter has no rail"));
  EXPECT_THAT(error(rows + "USB,x,,1\n", record), HasSubstr("meter.csv:6: stamp_ns is 'x'"));
  EXPECT_THAT(error(rows + "USB,1,,1e9\n", record), HasSubstr("meter.csv:6: power_w is"));
  EXPECT_THAT(error(rows + "USB,1,,1\n", record),
              HasSubstr("4 readings of the rail 'USB', where 3"));
}

}  // namespace
}  // namespace synergy
