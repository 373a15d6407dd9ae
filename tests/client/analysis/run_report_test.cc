#include "client/analysis/run_report.h"

#include <fmt/format.h>

#include <clocale>
#include <cmath>
#include <locale>

#include "client/analysis/report_csv.h"
#include "client/analysis/report_json.h"
#include "common/run_codes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sample_run.h"
#include "tests/support/synthetic_run.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

RunData Decode(const std::vector<v1::Chunk>& chunks) {
  RunData data;
  for (const v1::Chunk& chunk : chunks) {
    const absl::Status status = data.Add(chunk);
    EXPECT_TRUE(status.ok()) << status;
  }
  return data;
}

RunReport ReportOf(const std::vector<v1::Chunk>& chunks) {
  const RunData data = Decode(chunks);
  auto report = BuildReport(data, Solve(data));
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

// Without its last chunk: as after a client's death.
std::vector<v1::Chunk> Unended() {
  std::vector<v1::Chunk> chunks = SampleChunks();
  chunks.pop_back();
  return chunks;
}

TEST(RunReport, OperatorsHaveTheirNamesAndCosts) {
  const RunReport report = ReportOf(SampleChunks());
  ASSERT_EQ(report.ops.size(), 2u);
  const OpReport& conv = report.ops[0];
  EXPECT_EQ(conv.info.name(), "conv1");
  EXPECT_EQ(conv.result.executions, 2u);
  EXPECT_NEAR(conv.result.time_s.mean, 0.010, 1e-12);
  EXPECT_NEAR(*conv.result.mean_energy_j[0], 0.050, 1e-9) << "5 W for 10 ms";
  EXPECT_NEAR(*conv.result.mean_energy_j[1], 0.020, 1e-9) << "2 W for 10 ms";
  EXPECT_NEAR(*conv.power_w(0), 5, 1e-6);
  EXPECT_NEAR(*conv.flops_per_s(), 2e6 / 0.010, 1);
  EXPECT_FALSE(report.ops[1].flops_per_s().has_value()) << "nobody knows relu1's cost";
}

// Of conv1 in both iterations 100 and 300, of relu1 nothing; the second event never came on.
std::vector<v1::Chunk> WithCounts() {
  std::vector<v1::Chunk> chunks = Unended();
  std::vector<v1::RunRecord> records(2);
  v1::CountedEvents& counted = *records[0].mutable_counted();
  counted.add_events()->set_name("simd");
  counted.add_events()->set_name("unit/a,b/");
  counted.set_groups(2);
  counted.set_threads(1);
  counted.set_marker_s(1e-7);
  counted.set_counted_marker_s(1.1e-6);
  v1::EventCounts& rows = *records[1].mutable_counts();
  for (const uint32_t iteration : {0u, 1u}) {
    rows.add_iteration(iteration);
    rows.add_op(0);
    rows.add_event(0);
    rows.add_count(100 + 200 * iteration);
  }
  chunks.push_back(MakeChunk(chunks.size(), kRunRecordsChannel, 1000, 2, v1::ENCODING_RUN_RECORDS,
                             EncodeRunRecords(records)));
  return chunks;
}

TEST(RunReport, CountsAreMeansOfTheExecutionsInWhichTheyWereCounted) {
  const RunReport report = ReportOf(WithCounts());
  ASSERT_EQ(report.ops[0].counts.size(), 2u);
  EXPECT_EQ(report.ops[0].counts[0]->mean, 200);
  EXPECT_NEAR(*report.ops[0].counts[0]->sd, std::sqrt(20'000), 1e-9);
  EXPECT_EQ(report.ops[0].counts[0]->executions, 2u);
  EXPECT_FALSE(report.ops[0].counts[1].has_value());
  const ordered_json json = ReportJson(report);
  EXPECT_EQ(json["counters"]["groups"], 2);
  EXPECT_EQ(json["counters"]["events"][0]["name"], "simd");
  EXPECT_EQ(json["ops"][0]["counters"]["simd"]["mean"], 200);
  EXPECT_EQ(json["ops"][0]["counters"]["simd"]["scaled"], false);
  EXPECT_TRUE(json["ops"][1]["counters"]["simd"].is_null());
  const std::string csv = ReportCsv(report);
  EXPECT_THAT(csv, HasSubstr(",count_simd,\"count_unit/a,b/\"\n"));
  EXPECT_THAT(csv, HasSubstr(",200,\n"));
}

TEST(RunReport, ACountOfSomeOfTheExecutionsIsScaled) {
  RunReport report = ReportOf(WithCounts());
  report.ops[0].counts[0]->executions = 1;
  EXPECT_EQ(ReportJson(report)["ops"][0]["counters"]["simd"]["scaled"], true);
}

TEST(RunReport, WithoutCountsThereAreNone) {
  const ordered_json json = ReportJson(ReportOf(SampleChunks()));
  EXPECT_TRUE(json["counters"].is_null());
  EXPECT_TRUE(json["ops"][0]["counters"].empty());
}

TEST(RunReport, TheTopRailIsTheOneThatContainsTheOthers) {
  EXPECT_EQ(ReportOf(SampleChunks()).top_rail(), 0u);
}

TEST(RunReport, TypesAddUpTheirOperatorsDearestFirst) {
  const RunReport report = ReportOf(SampleChunks());
  ASSERT_EQ(report.types.size(), 2u);
  EXPECT_EQ(report.types[0].name, "Conv");
  EXPECT_EQ(report.types[0].operators, 1u);
  EXPECT_NEAR(report.types[0].time_share, 10.0 / 15, 1e-9);
  EXPECT_NEAR(*report.types[0].energy_share[0], 10.0 / 15, 1e-9);
  EXPECT_EQ(report.types[0].macs, 1'000'000);
  EXPECT_FALSE(report.types[1].macs.has_value());
}

TEST(RunReport, AModuleIsANameUpToItsLastSlash) {
  EXPECT_EQ(ModuleOf("fire2/expand3x3"), "fire2");
  EXPECT_EQ(ModuleOf("denseblock1/denselayer3/conv2"), "denseblock1/denselayer3");
  EXPECT_EQ(ModuleOf("conv1"), "conv1");
  EXPECT_EQ(ModuleOf(""), "");
}

TEST(RunReport, ModulesStandInTheOrderOfExecution) {
  const RunReport report = ReportOf(SampleChunks());
  ASSERT_EQ(report.modules.size(), 2u);  // the names have no slash
  EXPECT_EQ(report.modules[0].name, "conv1");
  EXPECT_EQ(report.modules[1].name, "relu1");
}

TEST(RunReport, AModuleAddsUpItsOperators) {
  v1::RunRecord operators = SampleOperators();
  operators.mutable_operators()->mutable_operators(0)->set_name("fire2/conv");
  operators.mutable_operators()->mutable_operators(1)->set_name("fire2/relu");
  const RunReport report = ReportOf(SampleChunks(v1::JOB_STATE_DONE, operators));
  ASSERT_EQ(report.modules.size(), 1u);
  EXPECT_EQ(report.modules[0].name, "fire2");
  EXPECT_EQ(report.modules[0].operators, 2u);
  EXPECT_NEAR(report.modules[0].time_s, 0.015, 1e-9);
  EXPECT_NEAR(report.modules[0].time_share, 1, 1e-9);
  EXPECT_FALSE(report.modules[0].macs.has_value()) << "nobody knows the Relu's cost";
}

TEST(RunReport, SortsByTimeEnergyAndIndex) {
  RunReport report = ReportOf(SampleChunks());
  std::swap(report.ops[0].result.mean_energy_j, report.ops[1].result.mean_energy_j);
  SortOps(OpOrder::kEnergy, &report);
  EXPECT_EQ(report.ops[0].info.name(), "relu1");
  SortOps(OpOrder::kTime, &report);
  EXPECT_EQ(report.ops[0].info.name(), "conv1");
  SortOps(OpOrder::kEnergy, &report);
  SortOps(OpOrder::kIndex, &report);
  EXPECT_EQ(report.ops[0].info.name(), "conv1");
}

TEST(RunReport, WithoutItsEndARunIsPartialAndInvalid) {
  const RunReport report = ReportOf(Unended());
  EXPECT_TRUE(report.partial);
  EXPECT_EQ(report.verdict, v1::VERDICT_INVALID);
  EXPECT_THAT(report.reasons, ElementsAre(StartsWith("incomplete:")));
  EXPECT_FALSE(report.sampling.achieved_hz.has_value());
  EXPECT_EQ(report.ops.size(), 2u) << "what is there counts";
}

TEST(RunReport, AFailedRunSaysWhy) {
  const RunReport report = ReportOf(SampleChunks(v1::JOB_STATE_FAILED));
  EXPECT_TRUE(report.partial);
  EXPECT_EQ(report.state, v1::JOB_STATE_FAILED);
  EXPECT_THAT(report.error, HasSubstr("SIGSEGV"));
}

TEST(RunReport, RecordsThatTheDeviceDroppedMakeTheRunSuspect) {
  std::vector<v1::Chunk> chunks = SampleChunks();
  const std::string readings =
      EncodeReadings({{kSampleEndNs + kMsNs, kSampleEndNs + kMsNs, 5000, Freshness::kFresh}});
  // 9 readings fewer than their numbers say.
  chunks.insert(chunks.end() - 1,
                MakeChunk(0, kFirstSensorChannel, 100, 1, v1::ENCODING_READINGS, readings));
  for (size_t i = 0; i < chunks.size(); ++i) chunks[i].set_seq(i);
  const RunReport report = ReportOf(chunks);
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(report.reasons, ElementsAre(HasSubstr("dropped 9 records")));
}

TEST(RunReport, WithoutAHeaderThereIsNothingToReport) {
  const RunData data;
  EXPECT_TRUE(absl::IsFailedPrecondition(BuildReport(data, Solve(data)).status()));
}

TEST(ReportJson, HasTheFieldsOfTheContract) {
  const ordered_json json = ReportJson(ReportOf(SampleChunks()));
  EXPECT_EQ(json["schema_version"], 2);
  const ordered_json& run = json["run"];
  EXPECT_EQ(run["id"], kSampleRunId);
  EXPECT_EQ(run["board"], "sim:jetson-tx1");
  EXPECT_EQ(run["simulated"], true);
  EXPECT_EQ(run["engine"], "caffe2-eigen");
  EXPECT_EQ(run["net"], "tiny");
  EXPECT_EQ(run["batch"], 1);
  EXPECT_EQ(run["threads"], 1);
  EXPECT_EQ(run["iterations"], 2);
  EXPECT_EQ(run["started_at"], "2024-05-01T12:00:00.250Z");
  EXPECT_EQ(json["rails"][0]["name"], "VDD_IN");
  EXPECT_EQ(json["rails"][0]["scope"], "module");
  EXPECT_EQ(json["rails"][0]["contained_in"], nullptr);
  EXPECT_EQ(json["rails"][1]["contained_in"], "VDD_IN");
  const ordered_json& op = json["ops"][0];
  EXPECT_EQ(op["index"], 0);
  EXPECT_EQ(op["name"], "conv1");
  EXPECT_EQ(op["type"], "Conv");
  EXPECT_EQ(op["macs"], 1'000'000);
  EXPECT_NEAR(op["time_s"]["mean"].get<double>(), 0.010, 1e-12);
  EXPECT_LE(op["time_s"]["ci95"][0], op["time_s"]["ci95"][1]);
  EXPECT_NEAR(op["energy_j"]["VDD_IN"]["mean"].get<double>(), 0.050, 1e-9);
  EXPECT_EQ(op["output_shapes"], ordered_json::parse("[[1, 64, 8, 8]]"));
  EXPECT_EQ(json["ops"][1]["macs"], nullptr) << "unknown is null, not 0";
  EXPECT_EQ(json["sampling"]["requested_hz"], 1000.0);
  EXPECT_EQ(json["sampling"]["achieved_hz"], 999.5);
  EXPECT_EQ(json["sampling"]["missed"], 1);
  EXPECT_TRUE(json["gaps"].is_array());
  EXPECT_EQ(json["verdict"], "VALID");
  EXPECT_EQ(json["method"], "integrate");
}

TEST(ReportJson, SaysForEachRailHowManyOperatorsAreShorterThanItResolves) {
  RunReport report = ReportOf(SampleChunks());
  for (v1::ChannelInfo& channel : *report.header.mutable_channels()) {
    if (channel.rail() == "VDD_IN") channel.mutable_window()->set_period_s(7e-3);
  }
  const ordered_json json = ReportJson(report)["resolution"];
  EXPECT_EQ(json[0]["rail"], "VDD_IN");
  EXPECT_EQ(json[0]["window_s"], 7e-3);
  EXPECT_NEAR(json[0]["shortest_resolved_s"].get<double>(), 8e-3, 1e-9);
  EXPECT_EQ(json[0]["operators"], 2);
  EXPECT_EQ(json[0]["shorter"], 1);
  EXPECT_EQ(json[1]["window_s"], nullptr);
  EXPECT_EQ(json[1]["shortest_resolved_s"], nullptr);
  EXPECT_EQ(json[1]["shorter"], nullptr);
}

TEST(ReportJson, TotalsCoverTheRun) {
  const ordered_json totals = ReportJson(ReportOf(SampleChunks()))["totals"];
  const auto check = [&](const char* phase, double time_s) {
    EXPECT_NEAR(totals[phase]["time_s"].get<double>(), time_s, 1e-9) << phase;
    EXPECT_NEAR(totals[phase]["energy_j"]["VDD_IN"].get<double>(), 5 * time_s, 1e-6) << phase;
    EXPECT_NEAR(totals[phase]["energy_j"]["VDD_CPU"].get<double>(), 2 * time_s, 1e-6) << phase;
  };
  check("setup", 0.030);
  check("warmup", 0.015);
  check("inference", 0.030);
  check("idle", 0.011);
  check("all", 0.086);
}

TEST(ReportJson, SaysWhetherOperatorsOverlappedAndForHowLong) {
  RunReport report = ReportOf(SampleChunks());
  auto overlap = ReportJson(report)["overlap"];
  EXPECT_EQ(overlap["overlapped"], false);
  EXPECT_EQ(overlap["time_s"], 0);
  EXPECT_EQ(overlap["time_share"], 0);
  report.attribution.overlapped_s = report.attribution.inference.time_s / 2;
  overlap = ReportJson(report)["overlap"];
  EXPECT_EQ(overlap["overlapped"], true);
  EXPECT_EQ(overlap["time_share"], 0.5);
}

TEST(RunReport, TellsOfLostRecordsWhereTheBoardDidNot) {
  std::vector<v1::Chunk> chunks = SampleChunks();
  const v1::Chunk& last = chunks.back();
  RunData data;
  for (const v1::Chunk& chunk : chunks) {
    if (chunk.seq() != last.seq()) {
      EXPECT_TRUE(data.Add(chunk).ok());
    }
  }
  // A hole of one record before the end.
  EXPECT_TRUE(data.Add(MakeChunk(last.seq(), last.channel(), last.first_sequence() + 1, 1,
                                 last.encoding(), last.data()))
                  .ok());
  RunReport report = *BuildReport(data, Solve(data));
  EXPECT_THAT(report.reasons, Contains("records_lost: the device dropped 1 record"));
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);

  v1::RunRecord end = SampleEnd(v1::JOB_STATE_DONE);
  end.mutable_end()->add_reasons(Reason(ReasonCode::kRecordsDropped, "3 records were lost"));
  RunData told;
  for (const v1::Chunk& chunk : chunks) {
    if (chunk.seq() != last.seq()) {
      EXPECT_TRUE(told.Add(chunk).ok());
    }
  }
  EXPECT_TRUE(told.Add(MakeChunk(last.seq(), last.channel(), last.first_sequence() + 1, 1,
                                 v1::ENCODING_RUN_RECORDS, EncodeRunRecords({end})))
                  .ok());
  EXPECT_THAT(BuildReport(told, Solve(told))->reasons,
              ElementsAre("records_dropped: 3 records were lost"));
}

TEST(RunReport, CountsTheGapsWhereTheDaemonDiedWithWhatItHadCounted) {
  v1::RunRecord gap, end = SampleEnd(v1::JOB_STATE_FAILED);
  gap.mutable_gap()->set_cause(v1::Gap::CAUSE_MISSED_TICK);
  gap.mutable_gap()->set_count(34);
  end.mutable_end()->clear_sampling();
  const std::vector<v1::Chunk> chunks = SampleChunks();
  const v1::Chunk& last = chunks.back();
  RunData data;
  for (size_t i = 0; i + 1 < chunks.size(); ++i) ASSERT_TRUE(data.Add(chunks[i]).ok());
  ASSERT_TRUE(data.Add(MakeChunk(last.seq(), last.channel(), last.first_sequence(), 2,
                                 v1::ENCODING_RUN_RECORDS, EncodeRunRecords({gap, end})))
                  .ok());
  const RunReport report = *BuildReport(data, Solve(data));
  EXPECT_EQ(report.sampling.missed, 34u);
  EXPECT_FALSE(report.sampling.ticks.has_value());
}

TEST(ReportJson, GapsHaveTheirCause) {
  RunReport report = ReportOf(SampleChunks());
  v1::Gap gap;
  gap.set_source("meter");
  gap.set_count(3);
  gap.set_cause(v1::Gap::CAUSE_READ_FAILED);
  report.gaps.push_back(gap);
  const ordered_json json = ReportJson(report)["gaps"][0];
  EXPECT_EQ(json["cause"], "read_failed");
  EXPECT_EQ(json["count"], 3);
}

TEST(ReportJson, BytesThatAreNoUtf8AreReplaced) {
  RunReport report = ReportOf(SampleChunks());
  // protobuf's own strings are UTF-8; an engine's words may come from elsewhere.
  report.error = "bad \xFF byte";
  EXPECT_THAT(JsonText(ReportJson(report)), HasSubstr("bad \xEF\xBF\xBD byte"));
}

TEST(ReportCsv, HasARowPerOperatorAndSaysThatItIsSimulated) {
  const std::string csv = ReportCsv(ReportOf(SampleChunks()));
  EXPECT_THAT(csv, HasSubstr("# simulated: the powers come from a model"));
  EXPECT_THAT(csv, HasSubstr("\nindex,name,type,simulated,executions,time_s_mean"));
  EXPECT_THAT(csv, HasSubstr("energy_j_VDD_IN,energy_j_VDD_CPU,power_w_VDD_IN"));
  EXPECT_THAT(csv, HasSubstr("\n0,conv1,Conv,true,2,0.01"));
  EXPECT_THAT(csv, HasSubstr(",1000000,2000000,")) << csv;
  EXPECT_THAT(csv, HasSubstr("\n1,relu1,Relu,true,2,0.005"));
  EXPECT_TRUE(csv.ends_with(",,,,,,\n")) << "relu1's unknown costs are empty fields:\n" << csv;
}

TEST(ReportCsv, QuotesWhatNeedsIt) {
  EXPECT_EQ(CsvField("plain"), "plain");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(CsvField("two\nlines"), "two\\x0alines");
  EXPECT_EQ(CsvField("#1"), "\"#1\"") << "would read as a comment";
}

TEST(ReportCsv, NamesMoveNoTerminalAndAreNoFormulas) {
  RunReport report = ReportOf(SampleChunks());
  report.ops[0].info.set_name("a\x1b[2Jb\x07\xC2\x9B");
  report.ops[1].info.set_name("=HYPERLINK(\"x\")");
  report.header.mutable_job()->set_net_name("net\x1b]0;x\x07");
  const std::string csv = ReportCsv(report);
  EXPECT_THAT(csv, HasSubstr("\n0,a\\x1b[2Jb\\x07\\x9b,Conv,"));
  EXPECT_THAT(csv, HasSubstr("\n1,\"\\x3dHYPERLINK(\"\"x\"\")\",Relu,"));
  EXPECT_THAT(csv, HasSubstr("# net: net?]0;x?\n"));
  EXPECT_EQ(csv.find_first_of("\x1b\x07"), std::string::npos);
}

TEST(ReportCsv, ACommentStaysOneLine) {
  RunReport report = ReportOf(SampleChunks());
  report.reasons.push_back("words\n0,forged,Row");
  EXPECT_THAT(ReportCsv(report), HasSubstr("# reason: words 0,forged,Row\n"));
}

// What de_DE does to numbers, whether or not the machine has it.
class GermanNumbers : public std::numpunct<char> {
 protected:
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(ReportFormats, AreTheSameUnderAGermanLocale) {
  const RunReport report = ReportOf(SampleChunks());
  const std::string json = JsonText(ReportJson(report));
  const std::string csv = ReportCsv(report);
  const std::locale before =
      std::locale::global(std::locale(std::locale::classic(), new GermanNumbers));
  const std::string c_locale = std::setlocale(LC_ALL, nullptr);
  std::setlocale(LC_ALL, "de_DE.UTF-8");
  EXPECT_EQ(fmt::format(std::locale(), "{:L}", 1234.5), "1.234,5") << "the locale is not German";
  EXPECT_EQ(JsonText(ReportJson(report)), json);
  EXPECT_EQ(ReportCsv(report), csv);
  std::setlocale(LC_ALL, c_locale.c_str());
  std::locale::global(before);
}

TEST(UtcText, KnowsLeapDaysAndTimesBeforeTheEpoch) {
  EXPECT_EQ(UtcText(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(UtcText(951'782'400'000'000'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(UtcText(-1), "1969-12-31T23:59:59.999Z");
}

TEST(RunReport, FewReadingsInTheMeasuredPhaseMakeItSuspect) {
  std::vector<v1::Chunk> chunks = SampleChunks();
  for (v1::Chunk& chunk : chunks) {
    if (chunk.channel() != kFirstSensorChannel) continue;
    // 50 ms to 55 ms after the begin: the measured phase begins at 50 ms.
    std::vector<Reading> few = SampleReadings(5000);
    few = {few.begin() + 50, few.begin() + 56};
    chunk = MakeChunk(chunk.seq(), chunk.channel(), 0, static_cast<uint32_t>(few.size()),
                      v1::ENCODING_READINGS, EncodeReadings(few));
  }
  RunData data;
  for (const v1::Chunk& chunk : chunks) ASSERT_TRUE(data.Add(chunk).ok());
  const RunReport report = *BuildReport(data, Solve(data));
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(report.reasons, ElementsAre(StartsWith("few_readings: VDD_IN was read 6 times")));
}

TEST(RunReport, FewerReadingsThanIterationsAreFewForIntegratingAlone) {
  SyntheticOptions options;
  options.operators = 4;
  options.iterations = 200;
  options.rate_hz = 50;
  const SyntheticRun run = MakeSyntheticRun(options);
  const LeastSquares least_squares = SolveLeastSquares(run.data);
  const auto few = testing::Contains(StartsWith("few_readings: a rail was read "));
  EXPECT_THAT(BuildReport(run.data, Solve(run.data))->reasons, few);
  EXPECT_THAT(
      BuildReport(run.data, Solve(run.data), kMethodLeastSquares, nullptr, &least_squares)->reasons,
      testing::Not(few));
}

}  // namespace
}  // namespace synergy
