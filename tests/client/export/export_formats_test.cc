#include "client/export/export_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>
#include <locale>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "perfetto/trace.pb.h"
#include "tests/client/export/exported.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Names as an attacker, or an unlucky exporter, gives them.
const std::string kHostile =
    "a,\"b\"\n\r\t'c' <script>alert(1)</script> | `x` $y$ \\input{/etc/passwd} %_&#1 @all "
    "https://evil.example www.evil.example \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xE2\x80\xAE"
    "gnirts ]]> *b* _i_ ~s~";

std::vector<v1::Chunk> HostileChunks(const std::string& name) {
  v1::RunRecord operators = SampleOperators();
  for (v1::OperatorInfo& op : *operators.mutable_operators()->mutable_operators()) {
    op.set_name(name);
    op.set_type(name);
  }
  return SampleChunks(v1::JOB_STATE_DONE, operators);
}

json Lines(const std::string& text) {
  json lines = json::array();
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

perfetto::Trace TraceOf(const std::string& bytes) {
  perfetto::Trace trace;
  EXPECT_TRUE(trace.ParseFromString(bytes));
  return trace;
}

TEST(ExportFormats, EveryFormatSaysThatARunIsSimulated) {
  for (const ExportFormat& format : ExportFormats()) {
    const std::string text = Exported(SampleChunks(), format.name);
    const std::string word = format.name == "csv" || format.name == "json" || format.name == "jsonl"
                                 ? "imulated"
                                 : "SIMULATED";
    EXPECT_THAT(text, HasSubstr(word)) << format.name;
  }
  const RunReport report = ReportOf(SampleChunks());
  const auto files =
      Written(SampleChunks(), *MakeExportWriter("csv", /*into_folder=*/true, {1, report}));
  ASSERT_EQ(files.size(), ExportFolderFiles().size() - 2) << "it has no meter";
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(files[i].starts_with("# SIMULATED")) << i;
  EXPECT_THAT(files[3], HasSubstr("simulated = true"));
}

TEST(ExportFormats, JsonLinesHaveTheReadingsOfAMeterOnTheHost) {
  RunReport report = ReportOf(SampleChunks());
  report.meter.emplace().add_segments();
  const ExportedMeter meter = {
      .host = {.record = {}, .rails = {{"meter:USB", {{kSampleBeginNs + kMsNs, 6.25}}}}},
      .readings = {}};
  const auto writer = MakeExportWriter("jsonl", /*into_folder=*/false, {3, report, &meter});
  const json lines = Lines(Written(SampleChunks(), *writer).front());
  EXPECT_EQ(std::ranges::count(lines, json{{"record", "meter_sample"},
                                           {"rail", "meter:USB"},
                                           {"at_ns", kSampleBeginNs + kMsNs},
                                           {"power_w", 6.25}}),
            1);
}

class GermanNumbers : public std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(ExportFormats, ARunIsTheSameUnderAGermanLocale) {
  for (const ExportFormat& format : ExportFormats()) {
    const std::string before = Exported(SampleChunks(), format.name);
    const std::locale global =
        std::locale::global(std::locale(std::locale::classic(), new GermanNumbers));
    std::setlocale(LC_ALL, "de_DE.UTF-8");  // where the machine has it
    const std::string german = Exported(SampleChunks(), format.name);
    std::locale::global(global);
    std::setlocale(LC_ALL, "C");
    EXPECT_EQ(german, before) << format.name;
  }
}

TEST(ExportFormats, PerfettoHasEverySampleAndExecution) {
  const perfetto::Trace trace = TraceOf(Exported(SampleChunks(), "perfetto"));
  std::map<int, int> events;
  for (const perfetto::TracePacket& packet : trace.packet()) {
    if (packet.has_track_event()) ++events[packet.track_event().type()];
  }
  EXPECT_EQ(events[perfetto::TrackEvent::TYPE_COUNTER], 2 * 91);
  EXPECT_EQ(events[perfetto::TrackEvent::TYPE_SLICE_BEGIN], int(SampleMarkers().size()));
  EXPECT_EQ(events[perfetto::TrackEvent::TYPE_SLICE_END], int(SampleMarkers().size()));
}

TEST(ExportFormats, PerfettoWritesAStringOnce) {
  const std::string bytes = Exported(HostileChunks(std::string(10'000, 'n')), "perfetto");
  // As the operators' name, and as their type.
  EXPECT_LT(bytes.size(), 2 * 10'000u + 30'000u);
}

TEST(ExportFormats, HostileNamesStayWholeWhereTheFormatCanHoldThem) {
  for (const std::string& name : {kHostile, std::string(10'000, '"')}) {
    const perfetto::Trace trace = TraceOf(Exported(HostileChunks(name), "perfetto"));
    std::vector<std::string> names;
    for (const perfetto::TracePacket& packet : trace.packet()) {
      for (const auto& entry : packet.interned_data().event_names()) names.push_back(entry.name());
    }
    EXPECT_THAT(names, testing::Contains(name));
    const json chrome = json::parse(Exported(HostileChunks(name), "chrome"));
    size_t slices = 0;
    for (const json& event : chrome["traceEvents"]) {
      if (event["ph"] == "X" && event["cat"] == "operator") {
        ++slices;
        EXPECT_EQ(event["name"], name);
        EXPECT_EQ(event["args"]["type"], name);
      }
    }
    EXPECT_EQ(slices, 6u);
    EXPECT_EQ(json::parse(Exported(HostileChunks(name), "json"))["ops"][0]["name"], name);
    size_t executions = 0;
    for (const json& line : Lines(Exported(HostileChunks(name), "jsonl"))) {
      if (line["record"] == "execution") {
        ++executions;
        EXPECT_EQ(line["name"], name);
      }
    }
    EXPECT_EQ(executions, 6u);
  }
}

TEST(ExportFormats, ChromeKeepsNanoseconds) {
  const json chrome = json::parse(Exported(SampleChunks(), "chrome"));
  EXPECT_EQ(chrome["otherData"]["run"], kSampleRunId);
  EXPECT_EQ(chrome["otherData"]["number"], 3);
  const auto conv = std::find_if(chrome["traceEvents"].begin(), chrome["traceEvents"].end(),
                                 [](const json& event) { return event["name"] == "conv1"; });
  ASSERT_NE(conv, chrome["traceEvents"].end());
  EXPECT_EQ((*conv)["ts"].get<double>(), kSampleBeginNs / 1000 + 30'000);
  EXPECT_EQ((*conv)["dur"], 10'000);
  EXPECT_EQ((*conv)["args"]["macs"], 1'000'000);
  EXPECT_EQ((*conv)["args"]["output_shapes"], "1x64x8x8");
}

TEST(ExportFormats, JsonLinesHaveEveryRecord) {
  std::map<std::string, int> records;
  for (const json& line : Lines(Exported(SampleChunks(), "jsonl"))) {
    ++records[line["record"].get<std::string>()];
  }
  EXPECT_EQ(records, (std::map<std::string, int>{{"run", 1},
                                                 {"operator", 2},
                                                 {"sample", 182},
                                                 {"load", 1},
                                                 {"init", 1},
                                                 {"execution", 6},
                                                 {"iteration", 3},
                                                 {"end", 1}}));
}

TEST(ExportFormats, WhatIsNoFormatIsNone) {
  EXPECT_EQ(FindExportFormat("xml"), nullptr);
  EXPECT_EQ(FindExportFormat("jsonl")->name, "jsonl");
}

}  // namespace
}  // namespace synergy
