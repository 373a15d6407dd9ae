#include "client/traces/trace_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "client/traces/trace_records.h"
#include "client/traces/trace_rows.h"
#include "common/attribution/integrate.h"
#include "tests/client/sample_run.h"
#include "tests/client/traces/trace_texts.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

// `records`: takes what the other files do not have; null: they are looked at alone.
Traces ExportOf(const std::vector<v1::Chunk>& chunks, std::string* records = nullptr) {
  std::string left;
  if (records == nullptr) records = &left;
  TraceExport traces;
  for (const v1::Chunk& chunk : chunks) {
    const absl::Status scanned = traces.Scan(chunk);
    EXPECT_TRUE(scanned.ok()) << scanned;
  }
  Traces texts{SampleHeaderLine(), MarkerHeaderLine() + traces.PhaseRows()};
  for (const v1::Chunk& chunk : chunks) {
    EXPECT_TRUE(traces.Write(chunk, &texts.samples, &texts.markers, records).ok());
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

// A run with all that its device can tell, of which some records were dropped.
std::vector<v1::Chunk> FullRun() {
  std::vector<v1::RunRecord> records(5);
  v1::Conditions* conditions = records[0].mutable_conditions();
  conditions->set_at_ns(kSampleBeginNs);
  conditions->add_frequencies()->set_clock("policy0");
  conditions->mutable_frequencies(0)->set_hz(1'734'000'000);
  conditions->add_temperatures()->set_zone("CPU-therm");
  conditions->mutable_temperatures(0)->set_millidegrees(-41'500);
  records[1].mutable_gap()->set_source("ina3221 \"0\"\n");
  records[1].mutable_gap()->set_begin_ns(kSampleBeginNs + kMsNs);
  records[1].mutable_gap()->set_end_ns(kSampleBeginNs + 2 * kMsNs);
  records[1].mutable_gap()->set_count(uint64_t{1} << 60);
  records[2].mutable_notice()->set_text("words");
  records[3].mutable_clocks()->set_simulated(true);
  records[4].mutable_chirp()->add_edge_ns(kSampleBeginNs + 5 * kMsNs);
  std::vector<v1::Chunk> chunks = SampleChunks();
  v1::Chunk end = chunks.back();
  chunks.pop_back();
  uint64_t first = 0;
  for (v1::Chunk& chunk : chunks) {
    if (chunk.channel() == kRunRecordsChannel) first = chunk.first_sequence() + chunk.count();
    if (chunk.channel() == kFirstSensorChannel + 1) chunk.set_first_sequence(7);
  }
  for (const v1::RunRecord& record : records) {
    chunks.push_back(MakeChunk(chunks.size(), kRunRecordsChannel, first++, 1,
                               v1::ENCODING_RUN_RECORDS, EncodeRunRecords({record})));
  }
  end.set_seq(chunks.size());
  end.set_first_sequence(first);
  chunks.push_back(end);
  return chunks;
}

template <typename Messages>
std::string BytesOf(const Messages& messages) {
  std::string bytes;
  for (const auto& message : messages) bytes += message.SerializeAsString() + "|";
  return bytes;
}

TEST(TraceExport, WithItsRecordsImportGivesTheSameRun) {
  const RunData before = Decoded(FullRun());
  std::string records;
  Traces traces = ExportOf(FullRun(), &records);
  traces.records = records;
  const RunData after = DataOf(traces);
  EXPECT_EQ(after.readings(), before.readings());
  ExpectSameMarkers(after, before);
  v1::RunHeader header = *after.header();
  EXPECT_EQ(header.run_id(), "import-1");
  EXPECT_EQ(header.board().board_id(), "b");
  EXPECT_EQ(header.board().title(), before.header()->board().title() + ", imported");
  header.set_run_id(before.header()->run_id());
  header.mutable_board()->set_board_id(before.header()->board().board_id());
  header.mutable_board()->set_title(before.header()->board().title());
  EXPECT_EQ(header.SerializeAsString(), before.header()->SerializeAsString());
  EXPECT_EQ(BytesOf(after.operators()), BytesOf(before.operators()));
  EXPECT_EQ(BytesOf(after.phases()), BytesOf(before.phases()));
  EXPECT_EQ(BytesOf(after.conditions()), BytesOf(before.conditions()));
  EXPECT_EQ(BytesOf(after.gaps()), BytesOf(before.gaps()));
  EXPECT_EQ(BytesOf(after.notices()), BytesOf(before.notices()));
  ASSERT_NE(after.end(), nullptr);
  EXPECT_EQ(after.end()->SerializeAsString(), before.end()->SerializeAsString());
  ASSERT_EQ(before.lost().size(), 1u);
  ASSERT_EQ(after.lost().size(), 1u);
  EXPECT_EQ(after.lost()[0].channel, kFirstSensorChannel + 1);
  EXPECT_EQ(after.lost()[0].count, 7u);
}

TEST(TraceExport, OfARunThatIsNotWholeTheRecordsHaveNoEnd) {
  std::vector<v1::Chunk> chunks = SampleChunks();
  chunks.pop_back();
  std::string records;
  Traces traces = ExportOf(chunks, &records);
  traces.records = records;
  const auto imported = ChunksOf(traces);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(Decoded(*imported).end(), nullptr);
}

TEST(TraceRecords, WhatIsNoRecordIsToldWithItsLine) {
  std::string whole;
  ExportOf(SampleChunks(), &whole);
  const std::string header = whole.substr(0, whole.find('\n') + 1);
  const auto error = [](const std::string& text) {
    const auto parsed = ParseTraceRecords(text, "r.jsonl");
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
    return parsed.status().ToString();
  };
  using testing::HasSubstr;
  EXPECT_THAT(error(""), HasSubstr("r.jsonl:1: there is no record"));
  EXPECT_THAT(error(header + header), HasSubstr("r.jsonl:2: a run has one header"));
  EXPECT_THAT(error("{\"notice\":{}}\n"), HasSubstr("r.jsonl:1: a run has one header"));
  EXPECT_THAT(error(header + "{\"notise\":{}}\n"), HasSubstr("r.jsonl:2: no record"));
  EXPECT_THAT(error(header + "{\"lost\":{\"channel\":-1,\"count\":1,\"at_ns\":1}}\n"),
              HasSubstr("r.jsonl:2: no record"));
  EXPECT_THAT(error(whole + "{\"notice\":{}}\n"), HasSubstr("behind the run's end"));
}

TEST(TraceExport, RecordsOfAnotherRunAreRefused) {
  std::string records;
  Traces traces = ExportOf(SampleChunks(), &records);
  traces.records = records;
  size_t at = 0;
  while ((at = traces.records.find("VDD_CPU")) != std::string::npos) {
    traces.records.replace(at, 7, "VDD_GPU");
  }
  const auto chunks = ChunksOf(traces);
  ASSERT_TRUE(absl::IsInvalidArgument(chunks.status()));
  EXPECT_THAT(chunks.status().ToString(), testing::HasSubstr("no channel of the rail 'VDD_CPU'"));
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

TEST(TraceExport, NoNameIsAFormulaInMarkers) {
  v1::RunRecord operators = SampleOperators();
  operators.mutable_operators()->mutable_operators(0)->set_name("=1+1");
  operators.mutable_operators()->mutable_operators(0)->set_type("-a");
  operators.mutable_operators()->mutable_operators(1)->set_name("_=1+1");
  const Traces traces = ExportOf(SampleChunks(v1::JOB_STATE_DONE, operators));
  EXPECT_THAT(traces.markers, testing::HasSubstr("\n_=1+1,_-a,"));
  EXPECT_THAT(traces.markers, testing::HasSubstr("\n_=1+1#1,Relu,"));
}

}  // namespace
}  // namespace synergy
