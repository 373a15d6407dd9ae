#include "client/report/page/report_page.h"

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

TEST(RunTimeline, HasEveryReadingAndEveryExecution) {
  const std::vector<v1::Chunk> chunks = SampleChunks();
  const nlohmann::ordered_json timeline = TimelineOf(chunks, ReportOf(chunks));
  ASSERT_EQ(timeline["rails"].size(), 2);
  EXPECT_EQ(timeline["rails"][0]["name"], "VDD_IN");
  EXPECT_EQ(timeline["rails"][0]["count"], SampleReadings(0).size());
  ASSERT_EQ(timeline["threads"].size(), 1);
  EXPECT_EQ(timeline["threads"][0]["count"], 6);  // loading and the init net are no operators
  EXPECT_EQ(timeline["iterations"]["count"], 3);
  EXPECT_DOUBLE_EQ(timeline["end_s"], 0.09);
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
