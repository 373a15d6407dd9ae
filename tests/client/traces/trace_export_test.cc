#include "client/traces/trace_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "client/traces/trace_rows.h"
#include "common/attribution/integrate.h"
#include "tests/client/sample_run.h"
#include "tests/client/traces/trace_texts.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

Traces ExportOf(const std::vector<v1::Chunk>& chunks) {
  TraceExport traces;
  for (const v1::Chunk& chunk : chunks) {
    const absl::Status scanned = traces.Scan(chunk);
    EXPECT_TRUE(scanned.ok()) << scanned;
  }
  Traces texts{SampleHeaderLine(), MarkerHeaderLine() + traces.PhaseRows()};
  for (const v1::Chunk& chunk : chunks) {
    EXPECT_TRUE(traces.Write(chunk, &texts.samples, &texts.markers).ok());
  }
  const auto sensors = ParseSensorFile(SensorFileText(traces.Sensors()), "sensor.toml");
  EXPECT_TRUE(sensors.ok()) << sensors.status();
  if (sensors.ok()) texts.sensors = *sensors;
  return texts;
}

RunData Decoded(const std::vector<v1::Chunk>& chunks) {
  RunData data;
  for (const v1::Chunk& chunk : chunks) EXPECT_TRUE(data.Add(chunk).ok());
  return data;
}

void ExpectSameMarkers(const RunData& a, const RunData& b) {
  ASSERT_EQ(a.markers().size(), b.markers().size());
  for (size_t i = 0; i < a.markers().size(); ++i) {
    EXPECT_EQ(std::memcmp(&a.markers()[i], &b.markers()[i], sizeof(Marker)), 0) << i;
  }
}

TEST(TraceExport, ImportGivesTheSameReadingsAndMarkersBitForBit) {
  const RunData before = Decoded(SampleChunks());
  const RunData after = DataOf(ExportOf(SampleChunks()));
  EXPECT_EQ(after.readings(), before.readings());
  ExpectSameMarkers(after, before);
  ASSERT_EQ(after.header()->channels_size(), before.header()->channels_size());
  for (int i = 0; i < after.header()->channels_size(); ++i) {
    EXPECT_EQ(after.header()->channels(i).scale(), before.header()->channels(i).scale());
    EXPECT_EQ(after.header()->board().rails(i).SerializeAsString(),
              before.header()->board().rails(i).SerializeAsString());
  }
  EXPECT_TRUE(after.header()->board().simulated());
  EXPECT_EQ(after.header()->wall_time_unix_ns(), kSampleWallNs);
  EXPECT_EQ(after.header()->job().net_name(), "tiny");
}

TEST(TraceExport, ImportGivesTheSameJoules) {
  const Attribution before = Solve(Decoded(SampleChunks()));
  const Attribution after = Solve(DataOf(ExportOf(SampleChunks())));
  ASSERT_EQ(after.ops.size(), before.ops.size());
  for (size_t i = 0; i < after.ops.size(); ++i) {
    EXPECT_EQ(after.ops[i].mean_energy_j, before.ops[i].mean_energy_j);
    EXPECT_EQ(after.ops[i].time_s.mean, before.ops[i].time_s.mean);
  }
  EXPECT_EQ(after.all.energy_j, before.all.energy_j);
  EXPECT_EQ(after.iterations, before.iterations);
}

// A rail whose current is read every millisecond and whose voltage every ten, as of an INA3221.
RunBuilder CurrentAndVoltage(uint32_t* current) {
  RunBuilder run;
  run.Rail("VDD_IN");
  *current = run.Channel("VDD_IN", v1::ChannelInfo::QUANTITY_CURRENT, 0.002);
  const uint32_t voltage = run.Channel("VDD_IN", v1::ChannelInfo::QUANTITY_VOLTAGE, 0.008);
  v1::Window* window = run.header().mutable_channels(0)->mutable_window();
  window->set_slot_s(140e-6);
  window->set_period_s(840e-6);
  window->set_period_tolerance(0.1);
  window->set_cycle("chip");
  run.WriteHeader();
  std::vector<Reading> amperes, volts;
  for (int64_t i = 0; i < 50; ++i) {
    const int64_t at = 1'000'000 + i * kMsNs;
    amperes.push_back({at, at + 118'000, 100 + i * 7 % 13, Freshness(i % 3)});
    if (i % 10 == 3) volts.push_back({at + 200'000, at + 300'000, 2380 + i % 4, Freshness::kFresh});
  }
  run.Write(*current, amperes);
  run.Write(voltage, volts);
  return run;
}

TEST(TraceExport, ACurrentAndItsVoltageComeBackAsTheyWere) {
  uint32_t current = 0;
  RunBuilder run = CurrentAndVoltage(&current);
  run.Write({OperatorMarker(3, 0, 5 * kMsNs, 9 * kMsNs, v1::PHASE_MEASURE, /*thread=*/1)});
  const RunData before = Decoded(run.chunks());
  const Traces traces = ExportOf(run.chunks());
  const RunData after = DataOf(traces);
  EXPECT_EQ(after.readings().at(kFirstSensorChannel), before.readings().at(current));
  EXPECT_EQ(after.readings().at(kFirstSensorChannel + 1), before.readings().at(current + 1));
  for (int i = 0; i < 2; ++i) {
    const v1::ChannelInfo &a = before.header()->channels(i), &b = after.header()->channels(i);
    EXPECT_EQ(a.quantity(), b.quantity());
    EXPECT_EQ(a.scale(), b.scale());
    EXPECT_EQ(a.window().SerializeAsString(), b.window().SerializeAsString());
  }
  EXPECT_EQ(after.markers().at(0).op, 3u);
  EXPECT_EQ(after.operators().at(3).name(), "operator 3");
  // Beside them the watts, for other tools: 100 x 2 mA at 2383 x 8 mV.
  EXPECT_THAT(traces.samples,
              testing::HasSubstr("\nVDD_IN,1000000,1118000,3.8128,,unknown,current,100\n"));
  EXPECT_THAT(traces.samples,
              testing::HasSubstr("\nVDD_IN,4200000,4300000,,,fresh,voltage,2383\n"));
}

TEST(TraceExport, VoltagesAloneAreNoRail) {
  RunBuilder run;
  run.Rail("VDD_IN");
  run.Channel("VDD_IN", v1::ChannelInfo::QUANTITY_CURRENT, 0.002);
  const uint32_t voltage = run.Channel("VDD_IN", v1::ChannelInfo::QUANTITY_VOLTAGE, 0.008);
  run.WriteHeader();
  run.Write(voltage, {{0, 0, 2380, Freshness::kFresh}});
  const Traces traces = ExportOf(run.chunks());
  EXPECT_EQ(traces.samples, SampleHeaderLine());
  EXPECT_TRUE(traces.sensors.rails.empty());
}

TEST(TraceExport, ACounterComesBackAsItWas) {
  RunBuilder run;
  run.Rail("package");
  const uint32_t counter = run.Channel("package", v1::ChannelInfo::QUANTITY_ENERGY_COUNTER, 1e-6);
  run.WriteHeader();
  run.Write(counter, {{0, 0, 1000, Freshness::kFresh},
                      {kMsNs, kMsNs, 1000, Freshness::kRepeat},
                      {2 * kMsNs, 2 * kMsNs, 11'000, Freshness::kFresh},
                      {3 * kMsNs, 3 * kMsNs, 14'000, Freshness::kFresh}});
  run.Write({OperatorMarker(0, 0, kMsNs, 2 * kMsNs)});
  const Traces traces = ExportOf(run.chunks());
  EXPECT_EQ(traces.samples, SampleHeaderLine() +
                                "package,0,0,,,fresh,energy,1000\n"
                                "package,1000000,1000000,,,repeat,energy,1000\n"
                                "package,2000000,2000000,5,,fresh,energy,11000\n"
                                "package,3000000,3000000,3,,fresh,energy,14000\n");
  const RunData after = DataOf(traces);
  EXPECT_EQ(after.readings().at(kFirstSensorChannel), Decoded(run.chunks()).readings().at(counter));
  EXPECT_EQ(after.header()->channels(0).quantity(), v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
  EXPECT_EQ(after.header()->channels(0).scale(), 1e-6);
}

TEST(TraceExport, OperatorsOfOneNameGetOneEach) {
  v1::RunRecord operators;
  for (const char* name : {"conv", "conv", "", "a,b"}) {
    v1::OperatorInfo* op = operators.mutable_operators()->add_operators();
    op->set_index(static_cast<uint32_t>(operators.operators().operators_size()) - 1);
    op->set_name(name);
    op->set_type("Conv");
  }
  const Traces traces = ExportOf(SampleChunks(v1::JOB_STATE_DONE, operators));
  EXPECT_THAT(traces.markers, testing::HasSubstr("\nconv#1,Conv,"));
  ExpectSameMarkers(DataOf(traces), Decoded(SampleChunks()));
}

}  // namespace
}  // namespace synergy
