#include "daemon/sampling/run_recorder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "common/attribution/run_data.h"
#include "common/records/chunk.h"
#include "tests/daemon/sampling/scripted_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/run_builder.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Quantity = v1::ChannelInfo;

constexpr int64_t kMillisecond = 1'000'000;

std::vector<std::unique_ptr<PowerSource>> TwoSources() {
  const auto silent = [](int, std::vector<ChannelReading>*) { return absl::OkStatus(); };
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(std::make_unique<ScriptedSource>(
      "chip",
      std::vector{SensorChannel("VDD_IN", Quantity::QUANTITY_CURRENT, 0.002),
                  SensorChannel("VDD_IN", Quantity::QUANTITY_VOLTAGE, 0.008)},
      silent));
  sources.push_back(std::make_unique<ScriptedSource>(
      "meter", std::vector{SensorChannel("WALL", Quantity::QUANTITY_POWER, 1)}, silent));
  return sources;
}

class RunRecorderTest : public testing::Test {
 protected:
  RunRecorderTest() : path_(folder_.File("run.spool")), sampler_(TwoSources(), clock_) {}

  std::unique_ptr<RunRecorder> Start(std::function<void(uint64_t)> on_chunk = {}) {
    auto spool = RunSpool::Create(path_);
    EXPECT_TRUE(spool.ok()) << spool.status();
    v1::RunHeader header;
    header.set_run_id("r1");
    auto recorder = RunRecorder::Start(header, sampler_, *std::move(spool), std::move(on_chunk));
    EXPECT_TRUE(recorder.ok()) << recorder.status();
    return *std::move(recorder);
  }
  static v1::RunEnd Done() {
    v1::RunEnd end;
    end.set_state(v1::JOB_STATE_DONE);
    return end;
  }
  RunData Written() {
    SpoolReader reader(UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC)));
    RunData data;
    v1::Chunk chunk;
    while (reader.Next(&chunk).value()) {
      const absl::Status status = data.Add(chunk);
      EXPECT_TRUE(status.ok()) << status;
    }
    return data;
  }

  FakeClock clock_;
  TempFolder folder_;
  const std::string path_;
  Sampler sampler_;
};

std::vector<ChannelReading> Tick(int64_t i) {
  const int64_t at = i * kMillisecond;
  return {{0, {at, at + 100, i % 50, Freshness::kFresh}},
          {1, {at + 100, at + 200, 2400, Freshness::kUnknown}}};
}

TEST_F(RunRecorderTest, WritesTheHeaderWithItsChannelsNumberedBeforeItReturns) {
  auto recorder = Start();
  EXPECT_EQ(recorder->chunks(), 1u);
  const RunData data = Written();
  ASSERT_NE(data.header(), nullptr);
  ASSERT_EQ(data.header()->channels_size(), 3);
  EXPECT_EQ(data.header()->channels(0).channel(), 2u);
  EXPECT_EQ(data.header()->channels(2).channel(), 4u);
  EXPECT_EQ(data.header()->channels(2).rail(), "WALL");
  EXPECT_DOUBLE_EQ(data.header()->channels(1).scale(), 0.008);
  const auto sources = sampler_.DescribeSources();
  ASSERT_EQ(data.header()->board().sources_size(), static_cast<int>(sources.size()));
  EXPECT_EQ(data.header()->board().sources(0).name(), sources[0].name());
}

TEST_F(RunRecorderTest, ComesBackAsItWentIn) {
  auto recorder = Start();
  std::vector<Marker> markers;
  for (int64_t i = 0; i < 3000; ++i) {
    recorder->OnReadings(0, Tick(i));
    const int64_t at = i * kMillisecond;
    if (i % 10 == 0) recorder->OnReadings(1, {{0, {at, at, i, Freshness::kFresh}}});
    markers.assign(3, OperatorMarker(static_cast<uint32_t>(i % 7), 0, at, at + 5));
    recorder->OnMarkers(markers);
  }
  v1::RunRecord phase;
  phase.mutable_phase()->set_phase(v1::PHASE_MEASURE);
  recorder->OnRecord(phase);
  v1::Gap gap;
  gap.set_count(2);
  recorder->OnGap(1, gap);
  ASSERT_TRUE(recorder->Finish(Done()).ok());

  const RunData data = Written();
  EXPECT_FALSE(data.partial());
  EXPECT_TRUE(data.lost().empty());
  EXPECT_EQ(data.markers().size(), 9000u);
  EXPECT_EQ(data.phases().size(), 1u);
  EXPECT_EQ(data.gaps().size(), 1u);
  EXPECT_EQ(data.readings().at(4).size(), 300u);
  ASSERT_EQ(data.readings().at(2).size(), 3000u);
  for (int64_t i = 0; i < 3000; ++i) {
    ASSERT_EQ(data.readings().at(2)[static_cast<size_t>(i)], Tick(i)[0].reading);
  }
  EXPECT_EQ(recorder->chunks(), data.next_seq());
}

TEST_F(RunRecorderTest, TakesFromSeveralThreadsAtOnce) {
  auto recorder = Start();
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    for (int64_t i = 0; i < 20'000; ++i) recorder->OnReadings(0, Tick(i));
  });
  threads.emplace_back([&] {
    for (int64_t i = 0; i < 20'000; ++i) {
      recorder->OnReadings(1, {{0, {i * kMillisecond, i * kMillisecond, i, Freshness::kFresh}}});
    }
  });
  threads.emplace_back([&] {
    for (int64_t i = 0; i < 20'000; ++i) recorder->OnMarkers({OperatorMarker(0, 0, i, i + 1)});
  });
  threads.clear();
  ASSERT_TRUE(recorder->Finish(Done()).ok());
  const RunData data = Written();
  EXPECT_EQ(data.readings().at(2).size(), 20'000u);
  EXPECT_EQ(data.readings().at(4).size(), 20'000u);
  EXPECT_EQ(data.markers().size(), 20'000u);
  EXPECT_TRUE(data.lost().empty());
}

TEST_F(RunRecorderTest, ARunRecordIsWrittenAndToldAtOnce) {
  absl::Notification told;
  auto recorder = Start([&](uint64_t chunks) {
    if (chunks == 2) told.Notify();
  });
  recorder->OnRecord(v1::RunRecord());
  told.WaitForNotification();
  EXPECT_EQ(recorder->chunks(), 2u);
}

TEST_F(RunRecorderTest, AWriterThatCannotFollowDropsCountsAndTells) {
  absl::Notification go_on;
  auto recorder = Start([&](uint64_t chunks) {
    if (chunks == 2) go_on.WaitForNotification();  // the disk hangs
  });
  recorder->OnRecord(v1::RunRecord());
  std::vector<ChannelReading> many;
  for (int64_t i = 0; i < 10'000; ++i) many.push_back({0, {i, i, 1, Freshness::kFresh}});
  uint64_t given = 0;
  while (recorder->dropped() == 0) {
    for (ChannelReading& r : many) r.reading.begin_ns = r.reading.end_ns += 10'000;
    recorder->OnReadings(0, many);
    given += many.size();
    ASSERT_LE(given * sizeof(Reading), 2 * RunRecorder::kMaxQueuedBytes) << "not bounded";
  }
  const uint64_t dropped = recorder->dropped();
  go_on.Notify();
  ASSERT_TRUE(recorder->Finish(Done()).ok());

  const RunData data = Written();
  EXPECT_EQ(data.readings().at(2).size() + dropped, given);
  ASSERT_EQ(data.notices().size(), 1u);
  EXPECT_EQ(data.notices()[0].code(), "records_dropped");
  EXPECT_THAT(data.notices()[0].text(), HasSubstr(std::to_string(dropped) + " records"));
}

TEST_F(RunRecorderTest, WhatWasDroppedInTheMiddleLeavesItsPlaceInTheNumbering) {
  absl::Notification first, second;
  auto recorder = Start([&](uint64_t chunks) {
    if (chunks == 2) first.WaitForNotification();
    if (chunks == 3) second.Notify();
  });
  recorder->OnRecord(v1::RunRecord());
  std::vector<ChannelReading> many(10'240, {0, {}});
  int64_t now = 0;
  const auto give = [&] {
    for (ChannelReading& r : many) r.reading.begin_ns = r.reading.end_ns = ++now;
    recorder->OnReadings(0, many);
  };
  while (recorder->dropped() == 0) give();
  first.Notify();
  second.WaitForNotification();
  while (Written().notices().empty()) std::this_thread::yield();
  give();
  ASSERT_TRUE(recorder->Finish(Done()).ok());
  const RunData data = Written();
  ASSERT_EQ(data.lost().size(), 1u);
  EXPECT_EQ(data.lost()[0].count, recorder->dropped());
  EXPECT_EQ(data.readings().at(2).size() + recorder->dropped(), static_cast<uint64_t>(now));
}

TEST_F(RunRecorderTest, AFullDiskIsToldAndTheRunStillEnds) {
  absl::Notification failed;
  auto recorder = Start();
  {
    const FileSizeLimit disk_full(2000);
    for (int64_t i = 0; i < 20'000 && recorder->status().ok(); ++i) {
      recorder->OnReadings(0, Tick(i));
      if (i % 500 == 0) std::this_thread::yield();
    }
    recorder->OnMarkers(std::vector<Marker>(5000, OperatorMarker(0, 0, 1, 2)));
    while (recorder->status().ok()) std::this_thread::yield();
  }
  EXPECT_EQ(recorder->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(recorder->status().ToString(), HasSubstr(path_));
  v1::RunEnd end;
  end.set_state(v1::JOB_STATE_FAILED);
  EXPECT_EQ(recorder->Finish(end).code(), absl::StatusCode::kResourceExhausted);

  const RunData data = Written();
  ASSERT_NE(data.end(), nullptr);
  EXPECT_EQ(data.end()->state(), v1::JOB_STATE_FAILED);
  ASSERT_FALSE(data.notices().empty());
  EXPECT_EQ(data.notices().back().code(), "spool_failed");
  EXPECT_THAT(data.notices().back().text(), Not(HasSubstr("RESOURCE_EXHAUSTED")));
  EXPECT_GT(recorder->dropped(), 0u);
}

TEST_F(RunRecorderTest, AFullDiskAtTheStartIsAnErrorOfStart) {
  auto spool = RunSpool::Create(path_);
  const FileSizeLimit disk_full(10);
  EXPECT_EQ(RunRecorder::Start({}, sampler_, *std::move(spool)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(RunRecorderTest, WithoutFinishTheRunIsPartialAndWhatWasGivenIsThere) {
  Start()->OnMarkers(std::vector<Marker>(512, OperatorMarker(0, 0, 1, 2)));
  const RunData data = Written();
  EXPECT_TRUE(data.partial());
  EXPECT_EQ(data.markers().size(), 512u);
}

TEST_F(RunRecorderTest, TakesNothingBehindTheEnd) {
  auto recorder = Start();
  ASSERT_TRUE(recorder->Finish(Done()).ok());
  recorder->OnReadings(0, Tick(1));
  recorder->OnRecord(v1::RunRecord());
  EXPECT_EQ(recorder->Finish(Done()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Written().end(), nullptr);
  EXPECT_EQ(Written().next_seq(), 2u);
}

TEST_F(RunRecorderTest, WhoRunsAheadOfTheWriterCanWaitForIt) {
  std::atomic<uint64_t> written = 0;
  auto recorder = Start([&written](uint64_t chunks) { written = chunks; });
  for (int i = 0; i < 100; ++i) recorder->OnRecord(v1::RunRecord());
  recorder->AwaitWriter();
  EXPECT_EQ(written, 101u) << "the header's among them";
  EXPECT_TRUE(recorder->Finish(Done()).ok());
}

TEST_F(RunRecorderTest, NamesSourcesThatHadStoppedBefore) {
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(std::make_unique<ScriptedSource>(
      "gone chip", std::vector{SensorChannel("VDD_IN", Quantity::QUANTITY_POWER, 1)},
      [](int, std::vector<ChannelReading>*) { return absl::NotFoundError("unplugged"); }));
  Sampler sampler(std::move(sources), clock_);
  sampler.Start();
  while (sampler.source_status(0).ok()) std::this_thread::yield();
  auto recorder = RunRecorder::Start({}, sampler, *RunSpool::Create(path_));
  ASSERT_TRUE((*recorder)->Finish(Done()).ok());
  const RunData data = Written();
  ASSERT_EQ(data.notices().size(), 1u);
  EXPECT_EQ(data.notices()[0].code(), "source_stopped");
  EXPECT_THAT(data.notices()[0].text(), HasSubstr("gone chip is not read"));
}

}  // namespace
}  // namespace synergy
