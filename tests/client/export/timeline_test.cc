#include "client/export/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/export/chrome_writer.h"
#include "fmt/format.h"
#include "tests/client/export/exported.h"
#include "tests/client/sample_run.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

std::string TextOf(const TrackArguments& arguments) {
  std::string text;
  for (const TrackArgument& argument : arguments) {
    text += fmt::format(" {}=", argument.name);
    if (const auto* number = std::get_if<int64_t>(&argument.value)) {
      text += fmt::format("{}", *number);
    } else if (const auto* real = std::get_if<double>(&argument.value)) {
      text += fmt::format("{}", *real);
    } else {
      text += std::get<std::string>(argument.value);
    }
  }
  return text;
}

// A line for each call, times in milliseconds since the sample run's begin.
class Lines : public TrackWriter {
 public:
  explicit Lines(std::vector<std::string>* lines) : lines_(*lines) {}

  void Begin(int64_t, int64_t, const TrackArguments&, std::string*) override {}
  void Add(const Track& track, std::string*) override {
    if (track.kind == Track::Kind::kProcess) lines_.push_back("process " + track.name);
  }
  size_t Keep(const TrackArguments&) override { return 0; }
  void Slice(const Track& track, int64_t begin_ns, int64_t end_ns, std::string_view category,
             std::string_view name, const TrackArguments& arguments, size_t,
             std::string*) override {
    lines_.push_back(fmt::format("{}: {} {} {}-{}{}", track.name, category, name, Ms(begin_ns),
                                 Ms(end_ns), TextOf(arguments)));
  }
  void Instant(const Track& track, int64_t at_ns, std::string_view, std::string_view name,
               const TrackArguments& arguments, std::string*) override {
    if (name == "run") return;
    lines_.push_back(fmt::format("{}: {} {}{}", track.name, name, Ms(at_ns), TextOf(arguments)));
  }
  void Value(const Track& track, int64_t at_ns, double value, std::string*) override {
    lines_.push_back(fmt::format("{}: {} {}", track.name, Ms(at_ns), value));
  }
  void End(std::string*) override {}

 private:
  static int64_t Ms(int64_t ns) { return (ns - kSampleBeginNs) / kMsNs; }
  std::vector<std::string>& lines_;
};

std::vector<std::string> TimelineOf(const std::vector<v1::Chunk>& chunks) {
  const RunReport report = ReportOf(chunks);
  std::vector<std::string> lines;
  Timeline timeline({1, report}, std::make_unique<Lines>(&lines));
  Written(chunks, timeline);
  return lines;
}

v1::Chunk RecordChunk(uint64_t seq, uint64_t first, const v1::RunRecord& record) {
  return MakeChunk(seq, kRunRecordsChannel, first, 1, v1::ENCODING_RUN_RECORDS,
                   EncodeRunRecords({record}));
}

// The sample run with these records before its end.
std::vector<std::string> WithRecords(const std::vector<v1::RunRecord>& records) {
  std::vector<v1::Chunk> chunks = SampleChunks();
  chunks.pop_back();
  uint64_t first = 2;
  for (const v1::RunRecord& record : records) {
    chunks.push_back(RecordChunk(chunks.size(), first++, record));
  }
  chunks.push_back(RecordChunk(chunks.size(), first, SampleEnd()));
  return TimelineOf(chunks);
}

TEST(Timeline, ShowsASimulatedBoardAsSuch) {
  EXPECT_THAT(TimelineOf(SampleChunks()),
              testing::IsSupersetOf({"process SIMULATED Jetson TX1 (simulated)",
                                     "process SIMULATED tiny on caffe2-eigen"}));
}

TEST(Timeline, OperatorsAreOnTheirThreadsAndIterationsBesideThem) {
  const std::vector<std::string> lines = TimelineOf(SampleChunks());
  EXPECT_THAT(lines, Contains("thread 0: setup load the nets 0-20"));
  EXPECT_THAT(lines, Contains("thread 0: operator conv1 30-40 iteration=0 phase=warmup"));
  EXPECT_THAT(lines, Contains("thread 0: operator relu1 81-86 iteration=1 phase=measure"));
  EXPECT_THAT(lines, Contains("iterations: measure measure 1 70-86 iteration=1 phase=measure"));
  EXPECT_THAT(lines, Contains("VDD_IN (W): 7 5"));
  EXPECT_THAT(lines, Contains("events: end 90 state=DONE error= markers=8 markers_dropped=0"));
}

std::vector<std::string> SlicesOf(const std::vector<Marker>& markers) {
  std::vector<v1::Chunk> chunks = SampleChunks();
  chunks[3] = MakeChunk(3, kMarkersChannel, 0, static_cast<uint32_t>(markers.size()),
                        v1::ENCODING_MARKERS, EncodeMarkers(markers));
  std::vector<std::string> slices;
  for (const std::string& line : TimelineOf(chunks)) {
    if (line.starts_with("thread")) slices.push_back(line.substr(0, line.find(" iteration")));
  }
  return slices;
}

Marker At(uint32_t op, int64_t begin_ms, int64_t end_ms) {
  return OperatorMarker(op, 0, kSampleBeginNs + begin_ms * kMsNs, kSampleBeginNs + end_ms * kMsNs);
}

TEST(Timeline, WhatIsInAnotherComesBehindItAlsoWhereBothBeginAtOnce) {
  EXPECT_THAT(SlicesOf({At(1, 10, 12), At(1, 12, 15), At(0, 10, 20)}),
              ElementsAre("thread 0: operator conv1 10-20", "thread 0: operator relu1 10-12",
                          "thread 0: operator relu1 12-15"));
}

TEST(Timeline, WhatOverlapsWithoutBeingInAnotherGetsATrackOfItsOwn) {
  EXPECT_THAT(
      SlicesOf({At(0, 10, 20), At(1, 15, 25), At(0, 25, 30)}),
      ElementsAre("thread 0: operator conv1 10-20", "thread 0, overlapping 2: operator relu1 15-25",
                  "thread 0: operator conv1 25-30"));
}

TEST(Timeline, PhasesLastUntilTheNextOneOrTheEnd) {
  std::vector<v1::RunRecord> records(2);
  records[0].mutable_phase()->set_phase(v1::PHASE_SETUP);
  records[0].mutable_phase()->set_at_ns(kSampleBeginNs);
  records[1].mutable_phase()->set_phase(v1::PHASE_MEASURE);
  records[1].mutable_phase()->set_at_ns(kSampleBeginNs + 50 * kMsNs);
  const std::vector<std::string> lines = WithRecords(records);
  EXPECT_THAT(lines, Contains("phases: phase setup 0-50"));
  EXPECT_THAT(lines, Contains("phases: phase measure 50-90"));
  EXPECT_THAT(lines, Contains("events: phase: setup 0"));
  EXPECT_THAT(lines, Contains("events: phase: measure 50"));
}

TEST(Timeline, ClocksTemperaturesAndThrottlingAreSeen) {
  std::vector<v1::RunRecord> records(3);
  for (int i = 0; i < 2; ++i) {
    v1::Conditions* one = records[i].mutable_conditions();
    one->set_at_ns(kSampleBeginNs + i * 10 * kMsNs);
    v1::Conditions::Frequency* clock = one->add_frequencies();
    clock->set_clock("policy0");
    if (i == 0) clock->set_hz(1'734'000'000);
    v1::Conditions::Throttle* throttle = one->add_throttles();
    throttle->set_what("cpu0 core_throttle_count");
    throttle->set_value(static_cast<uint64_t>(3 + i));
  }
  v1::Conditions::Temperature* zone = records[0].mutable_conditions()->add_temperatures();
  zone->set_zone("CPU-therm");
  zone->set_millidegrees(41'500);
  v1::ClockChange* change = records[2].mutable_clock_change();
  change->set_at_ns(kSampleBeginNs + 20 * kMsNs);
  change->set_clock("policy0");
  change->set_fixed_hz(5);
  change->set_seen_hz(4);
  const std::vector<std::string> lines = WithRecords(records);
  EXPECT_THAT(lines, Contains("policy0 (Hz): 0 1734000000"));
  EXPECT_THAT(lines, Contains("CPU-therm (C): 0 41.5"));
  EXPECT_THAT(lines, Contains("events: clock unread 10 clock=policy0"));
  EXPECT_THAT(lines, Contains("events: throttle 10 what=cpu0 core_throttle_count before=3 now=4"));
  EXPECT_THAT(lines, Contains("events: clock moved 20 clock=policy0 fixed_hz=5 seen_hz=4"));
}

TEST(Timeline, GapsAndNoticesAreSeen) {
  std::vector<v1::RunRecord> records(2);
  v1::Gap* gap = records[0].mutable_gap();
  gap->set_source("ina3221");
  gap->set_begin_ns(kSampleBeginNs + 3 * kMsNs);
  gap->set_end_ns(kSampleBeginNs + 6 * kMsNs);
  gap->set_count(3);
  gap->set_cause(v1::Gap::CAUSE_MISSED_TICK);
  v1::Notice* notice = records[1].mutable_notice();
  notice->set_at_ns(kSampleBeginNs + 9 * kMsNs);
  notice->set_code("records_dropped");
  notice->set_text("words");
  const std::vector<std::string> lines = WithRecords(records);
  EXPECT_THAT(lines, Contains("gaps: ina3221: gap missed_tick 3-6 count=3 detail="));
  EXPECT_THAT(lines, Contains("events: gap: missed_tick 3 source=ina3221 count=3"));
  EXPECT_THAT(lines, Contains("events: records_dropped 9 text=words"));
  EXPECT_THAT(TimelineOf(SampleChunks()), Not(Contains(testing::StartsWith("gaps"))));
}

RunReport WithMeter(bool is_fitted) {
  RunReport report = ReportOf(SampleChunks());
  report.meter.emplace();
  if (is_fitted) report.meter->add_segments();
  return report;
}

TEST(Timeline, TheRailsOfAMeterOnTheHostStandBesideTheBoards) {
  const RunReport report = WithMeter(true);
  const auto at = [](int64_t ms, double watts) {
    return PowerSample{kSampleBeginNs + ms * kMsNs, watts};
  };
  // What it read before the run and after it is not the run's.
  const ExportedMeter meter = {
      .host = {.record = {},
               .rails = {{"meter:USB", {at(-1, 7), at(2, 8), at(5, 9), at(95, 7)}},
                         {"meter:HUB", {at(3, 0.5)}}}},
      .readings = {}};
  std::vector<std::string> lines;
  Timeline timeline({1, report, &meter}, std::make_unique<Lines>(&lines));
  EXPECT_EQ(timeline.left_out(), "");
  Written(SampleChunks(), timeline);
  std::erase_if(lines, [](const std::string& line) { return !line.starts_with("meter:"); });
  EXPECT_THAT(lines, testing::UnorderedElementsAre("meter:USB (W): 2 8", "meter:USB (W): 5 9",
                                                   "meter:HUB (W): 3 0.5"));
}

TEST(Timeline, SaysThatAMeterWhoseClockIsNotKnownIsLeftOut) {
  const RunReport report = WithMeter(false);
  std::vector<std::string> lines;
  const ExportedMeter meter = {.host = {.record = {}, .rails = {{"meter:USB", {}}}},
                               .readings = {}};
  Timeline timeline({1, report, &meter}, std::make_unique<Lines>(&lines));
  EXPECT_THAT(timeline.left_out(), testing::HasSubstr("the host's meter are left out"));
  Timeline exported({1, report, &meter}, std::make_unique<ChromeWriter>());
  EXPECT_THAT(Written(SampleChunks(), exported).front(),
              testing::HasSubstr("\"left_out\":\"the readings of the host's meter"));
}

TEST(Timeline, RecordsThatTheDeviceDroppedAreSeen) {
  std::vector<v1::Chunk> chunks = SampleChunks();
  chunks[2].set_first_sequence(7);
  EXPECT_THAT(TimelineOf(chunks), Contains("events: records lost 0 channel=3 count=7"));
}

}  // namespace
}  // namespace synergy
