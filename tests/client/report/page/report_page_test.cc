#include "client/report/page/report_page.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/report/page/run_timeline.h"
#include "tests/client/export/exported.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

nlohmann::ordered_json TimelineOf(const std::vector<v1::Chunk>& chunks, const RunReport& report) {
  RunTimeline timeline({.number = 3, .report = report});
  Written(chunks, timeline);
  return timeline.Json();
}

std::string PageOf(const std::vector<v1::Chunk>& chunks) {
  const RunReport report = ReportOf(chunks);
  return ReportPage({PageRun(3, report, TimelineOf(chunks, report))});
}

// What the page's script reads.
std::string DataOf(const std::string& page) {
  EXPECT_TRUE(page.starts_with(ReportPageHead()));
  EXPECT_TRUE(page.ends_with(ReportPageTail()));
  return page.substr(ReportPageHead().size(),
                     page.size() - ReportPageHead().size() - ReportPageTail().size());
}

TEST(ReportPage, SaysWhichRunsWereImported) {
  RunReport report = ReportOf(SampleChunks());
  EXPECT_EQ(PageRun(3, report, nullptr)["imported"], false);
  report.header.set_clock("imported");
  EXPECT_EQ(PageRun(3, report, nullptr)["imported"], true);
}

TEST(RunTimeline, HasEveryReadingAndEveryExecution) {
  const std::vector<v1::Chunk> chunks = SampleChunks();
  const nlohmann::ordered_json timeline = TimelineOf(chunks, ReportOf(chunks));
  ASSERT_EQ(timeline["rails"].size(), 2);
  EXPECT_EQ(timeline["rails"][0]["name"], "VDD_IN");
  EXPECT_EQ(timeline["rails"][0]["count"], SampleReadings(0).size());
  ASSERT_EQ(timeline["threads"].size(), 1);
  EXPECT_EQ(timeline["threads"][0]["count"], 6);  // loading and the init net are no operators
  EXPECT_EQ(timeline["iterations"]["count"], 3);
  EXPECT_EQ(timeline["gaps_left_out"], 0);
  EXPECT_EQ(timeline["events_left_out"], 0);
  EXPECT_DOUBLE_EQ(timeline["end_s"], 0.09);
}

TEST(RunTimeline, CountsWhatItLeavesOut) {
  const RunReport report = ReportOf(SampleChunks());
  RunTimeline timeline({.number = 3, .report = report});
  std::vector<v1::RunRecord> records(5'007);
  for (size_t i = 0; i < records.size(); ++i) {
    const int64_t at_ns = kSampleBeginNs + static_cast<int64_t>(i);
    if (i % 2 == 0) {
      records[i].mutable_notice()->set_at_ns(at_ns);
    } else {
      records[i].mutable_gap()->set_begin_ns(at_ns);
    }
  }
  std::vector<v1::Chunk> chunks = SampleChunks();
  for (uint64_t first : {100'000u, 200'000u}) {
    chunks.push_back(MakeChunk(chunks.size(), kRunRecordsChannel, first,
                               static_cast<uint32_t>(records.size()), v1::ENCODING_RUN_RECORDS,
                               EncodeRunRecords(records)));
  }
  Written(chunks, timeline);
  const nlohmann::ordered_json json = timeline.Json();
  EXPECT_EQ(json["gaps"].size(), 5'000);
  EXPECT_EQ(json["gaps_left_out"], 6);
  EXPECT_EQ(json["events"].size(), 5'000);
  EXPECT_GE(json["events_left_out"], 8);  // lost records, too
}

TEST(RunTimeline, HasTheRailsOfAMeterOnTheHost) {
  RunReport report = ReportOf(SampleChunks());
  report.meter.emplace().add_segments();
  const ExportedMeter meter = {
      .host = {.record = {}, .rails = {{"meter:USB", {{kSampleBeginNs + kMsNs, 6}}}}},
      .readings = {}};
  RunTimeline timeline({.number = 3, .report = report, .meter = &meter});
  Written(SampleChunks(), timeline);
  const nlohmann::ordered_json json = timeline.Json();
  ASSERT_EQ(json["rails"].size(), 3);
  EXPECT_EQ(json["rails"][2]["name"], "meter:USB");
  EXPECT_EQ(json["rails"][2]["count"], 1);
  EXPECT_EQ(json["left_out"], "");
}

TEST(ReportPage, HoldsTheDocumentOfTheRun) {
  const std::vector<v1::Chunk> chunks = SampleChunks();
  const auto data = nlohmann::ordered_json::parse(DataOf(PageOf(chunks)));
  const auto& run = data["runs"][0];
  EXPECT_EQ(run["document"]["run"]["number"], 3);
  EXPECT_EQ(run["document"]["ops"].size(), 2);
  EXPECT_EQ(run["top_rail"], "VDD_IN");
  EXPECT_EQ(run["notice"].get<std::string>().substr(0, 9), "SIMULATED");
}

TEST(ReportPage, StatesAccuracyOfTheZoosNetworksAlone) {
  RunReport report = ReportOf(SampleChunks());
  report.header.mutable_job()->set_net_name("squeezenet");
  EXPECT_TRUE(PageRun(1, report, {})["published_accuracy"].is_null());
  report.header.mutable_job()->set_model_source("zoo");
  const auto accuracy = PageRun(1, report, {})["published_accuracy"];
  ASSERT_FALSE(accuracy.is_null());
  EXPECT_FALSE(accuracy["source"].get<std::string>().empty());
}

TEST(ReportPage, NoNameEndsItsData) {
  v1::RunRecord operators = SampleOperators();
  const std::string hostile = "</script><script>alert(1)</script><!--<script>\u202e\"'&";
  operators.mutable_operators()->mutable_operators(0)->set_name(hostile);
  const std::string data = DataOf(PageOf(SampleChunks(v1::JOB_STATE_DONE, operators)));
  EXPECT_EQ(std::ranges::count(data, '<'), 0);
  const auto parsed = nlohmann::ordered_json::parse(data);
  const std::string name = parsed["runs"][0]["document"]["ops"][0]["name"];
  EXPECT_TRUE(name.starts_with("</script><script>alert(1)</script><!--<script>"));
}

nlohmann::ordered_json RowOfEnergy(double joules, const std::string& layer) {
  return {{"layer", layer}, {"measured_j", joules}};
}

TEST(EvaluationPage, HoldsTheDocumentAndSaysThatItIsSimulated) {
  nlohmann::ordered_json document;
  document["families"] = {{{"family", "mac"},
                           {"network_rows", {{{"run", "</script><b>"}}}},
                           {"operator_rows", nlohmann::ordered_json::array()}}};
  const std::string text = DataOf(EvaluationPage(document, "SIMULATED: a model's."));
  EXPECT_EQ(std::ranges::count(text, '<'), 0);
  const auto data = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(data["notice"], "SIMULATED: a model's.");
  EXPECT_EQ(data["evaluation"]["families"][0]["network_rows"][0]["run"], "</script><b>");
  EXPECT_EQ(data["evaluation"]["families"][0]["operator_rows_left_out"], 0);
}

TEST(EvaluationPage, HasTheOperatorsOfTheMostEnergyAndCountsTheOthers) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (size_t i = 0; i < kMostPageOperators + 5; ++i) {
    rows.push_back(RowOfEnergy(static_cast<double>(i), fmt::format("op{}", i)));
  }
  nlohmann::ordered_json document;
  document["families"] = {{{"operator_rows", std::move(rows)}}};
  const auto data = nlohmann::ordered_json::parse(DataOf(EvaluationPage(document, "")));
  const auto& family = data["evaluation"]["families"][0];
  EXPECT_EQ(family["operator_rows_left_out"], 5);
  ASSERT_EQ(family["operator_rows"].size(), kMostPageOperators);
  for (const auto& row : family["operator_rows"]) EXPECT_GE(row["measured_j"], 5);
}

TEST(ReportPage, LoadsNothingFromElsewhere) {
  const std::string head(ReportPageHead()), tail(ReportPageTail());
  EXPECT_NE(head.find("default-src 'none'; script-src 'sha256-"), std::string::npos);
  EXPECT_EQ(head.find("unsafe-"), std::string::npos);
  for (const char* loader : {" src=", "<link", "@import", "url("}) {
    EXPECT_EQ(head.find(loader), std::string::npos) << loader;
    EXPECT_EQ(tail.find(loader), std::string::npos) << loader;
  }
}

}  // namespace
}  // namespace synergy
