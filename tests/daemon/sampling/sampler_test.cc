#include "daemon/sampling/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <map>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "tests/daemon/sampling/scripted_source.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const v1::ChannelInfo kCurrent = SensorChannel("VDD", v1::ChannelInfo::QUANTITY_CURRENT, 1e-3);

// Keeps everything; announces the end of a source.
class KeepingSink final : public ReadingSink {
 public:
  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) override {
    absl::MutexLock lock(&mutex_);
    for (const ChannelReading& r : readings) begins_[source].push_back(r.reading.begin_ns);
  }
  void OnGap(size_t source, const v1::Gap& gap) override {
    absl::MutexLock lock(&mutex_);
    gaps_[source].push_back(gap);
    if (absl::StrContains(gap.detail(), "given up") && ++ended_ == expected_ends_) {
      all_ended_.Notify();
    }
  }
  void WaitForEnds() { all_ended_.WaitForNotification(); }
  void ExpectEnds(int n) { expected_ends_ = n; }

  std::vector<int64_t> begins(size_t source) {
    absl::MutexLock lock(&mutex_);
    return begins_[source];
  }
  std::vector<v1::Gap> gaps(size_t source) {
    absl::MutexLock lock(&mutex_);
    return gaps_[source];
  }

 private:
  absl::Mutex mutex_;
  std::map<size_t, std::vector<int64_t>> begins_;
  std::map<size_t, std::vector<v1::Gap>> gaps_;
  int expected_ends_ = 1, ended_ = 0;
  absl::Notification all_ended_;
};

class SourcePollerTest : public testing::Test {
 protected:
  // Reads `raw` at the present time, `cost` long.
  absl::Status ReadOne(std::vector<ChannelReading>* out, int64_t raw, Nanoseconds cost,
                       Freshness freshness = Freshness::kUnknown) {
    const int64_t begin = clock_.Now().ns;
    clock_.Advance(cost);
    out->push_back({0, {begin, clock_.Now().ns, raw, freshness}});
    return absl::OkStatus();
  }
  SourcePoller Poller(ScriptedSource::Script script) {
    sinks_.Add(&sink_);
    return SourcePoller(
        0,
        std::make_unique<ScriptedSource>("meter", std::vector<v1::ChannelInfo>{kCurrent}, script),
        clock_, sinks_);
  }
  bool PollOnce(SourcePoller& poller) {
    clock_.SleepUntil(poller.NextDue());
    return poller.Tick();
  }

  FakeClock clock_{MonotonicTime{0}};
  SinkList sinks_;
  KeepingSink sink_;
};

TEST_F(SourcePollerTest, ReadsOnAbsoluteDeadlinesHoweverLongAReadTakes) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) {
    return ReadOne(out, call, Microseconds(100 + 200 * call));
  });
  for (int i = 0; i < 5; ++i) PollOnce(poller);
  EXPECT_THAT(sink_.begins(0), ElementsAre(0, 1'000'000, 2'000'000, 3'000'000, 4'000'000));
  EXPECT_TRUE(sink_.gaps(0).empty());
}

TEST_F(SourcePollerTest, CountsMissedTicksAndNeverCatchesUp) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) {
    return ReadOne(out, call, call == 1 ? Microseconds(3300) : Microseconds(100));
  });
  for (int i = 0; i < 4; ++i) PollOnce(poller);
  // The read at 1 ms ends at 4.3 ms: ticks 2 and 3 are over, 4 lasts still and is taken late.
  EXPECT_THAT(sink_.begins(0), ElementsAre(0, 1'000'000, 4'300'000, 5'000'000));
  ASSERT_EQ(sink_.gaps(0).size(), 1u);
  const v1::Gap gap = sink_.gaps(0)[0];
  EXPECT_EQ(gap.cause(), v1::Gap::CAUSE_MISSED_TICK);
  EXPECT_EQ(gap.count(), 2u);
  EXPECT_EQ(gap.begin_ns(), 2'000'000);
  EXPECT_EQ(gap.end_ns(), 4'000'000);
  EXPECT_EQ(gap.source(), "meter");
}

TEST_F(SourcePollerTest, AnUnavailableSourceIsReadAgainAtTheNextTick) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) -> absl::Status {
    if (call == 1) return absl::UnavailableError("bus busy");
    return ReadOne(out, call, Microseconds(10));
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(PollOnce(poller));
  EXPECT_THAT(sink_.begins(0), ElementsAre(0, 2'000'000));
  ASSERT_EQ(sink_.gaps(0).size(), 1u);
  EXPECT_EQ(sink_.gaps(0)[0].cause(), v1::Gap::CAUSE_READ_FAILED);
  EXPECT_THAT(sink_.gaps(0)[0].detail(), HasSubstr("bus busy"));
  EXPECT_TRUE(poller.status().ok());
  EXPECT_EQ(poller.TakeStats().failed(), 1u);
}

TEST_F(SourcePollerTest, AnyOtherErrorEndsTheSourceAndKeepsItsLastReadings) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) -> absl::Status {
    ReadOne(out, call, Microseconds(10)).IgnoreError();
    return absl::PermissionDeniedError("locked");
  });
  EXPECT_FALSE(PollOnce(poller));
  EXPECT_EQ(poller.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(sink_.begins(0).size(), 1u);
  ASSERT_EQ(sink_.gaps(0).size(), 1u);
  EXPECT_THAT(sink_.gaps(0)[0].detail(), HasSubstr("given up: PERMISSION_DENIED: locked"));
}

TEST_F(SourcePollerTest, ASourceThatIsGoneIsReadOnAndIsInUseAgainWhenItIsBack) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) -> absl::Status {
    if (call == 1 || call == 2) return absl::NotFoundError("unbound");
    if (call == 3) return absl::UnavailableError("not yet");
    return ReadOne(out, call, Microseconds(10));
  });
  EXPECT_TRUE(PollOnce(poller));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(PollOnce(poller));
    EXPECT_EQ(poller.status().code(), absl::StatusCode::kNotFound);
  }
  EXPECT_TRUE(PollOnce(poller));
  EXPECT_TRUE(poller.status().ok());
  EXPECT_THAT(sink_.begins(0), ElementsAre(0, 4'000'000));
  ASSERT_EQ(sink_.gaps(0).size(), 3u);
  EXPECT_EQ(sink_.gaps(0)[0].detail(), "NOT_FOUND: unbound");
}

TEST_F(SourcePollerTest, ASlowSourceIsReadAtItsOwnRateWhateverIsAsked) {
  sinks_.Add(&sink_);
  auto source = std::make_unique<ScriptedSource>("gauge", std::vector<v1::ChannelInfo>{kCurrent},
                                                 [&](int call, std::vector<ChannelReading>* out) {
                                                   return ReadOne(out, call, Microseconds(100));
                                                 });
  ScriptedSource* gauge = source.get();
  gauge->SetMaxRate(4);
  SourcePoller poller(0, std::move(source), clock_, sinks_);
  poller.SetPeriod(Milliseconds(1));
  for (int i = 0; i < 3; ++i) PollOnce(poller);
  EXPECT_THAT(sink_.begins(0), ElementsAre(0, 250'000'000, 500'000'000));
  gauge->SetMaxRate(1);  // it found out that it is slower still
  for (int i = 0; i < 2; ++i) PollOnce(poller);
  EXPECT_THAT(sink_.begins(0),
              ElementsAre(0, 250'000'000, 500'000'000, 750'000'000, 1'750'000'000));
  EXPECT_TRUE(sink_.gaps(0).empty());
  EXPECT_DOUBLE_EQ(poller.TakeStats().requested_hz(), 1);
  poller.SetPeriod(Milliseconds(5000));  // slower than the source: as asked
  PollOnce(poller);
  PollOnce(poller);
  EXPECT_DOUBLE_EQ(poller.TakeStats().requested_hz(), 0.2);
}

TEST_F(SourcePollerTest, ATickWithAReadingIsAchievedThoughAnotherOfItFailed) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) -> absl::Status {
    (void)ReadOne(out, call, Microseconds(10));
    return absl::UnavailableError("one channel is silent");
  });
  for (int i = 0; i < 5; ++i) PollOnce(poller);
  clock_.SleepUntil(MonotonicTime{10'000'000});
  const v1::SourceStats stats = poller.TakeStats();
  EXPECT_EQ(stats.failed(), 5u);
  EXPECT_DOUBLE_EQ(stats.achieved_hz(), 5 / 10e-3);
  EXPECT_GE(stats.achieved_hz(), stats.fresh_hz());
}

TEST_F(SourcePollerTest, AReadingIsATransferAndSoIsAReadThatFailed) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) -> absl::Status {
    if (call == 1) return absl::UnavailableError("busy");
    (void)ReadOne(out, call, Microseconds(10));
    return ReadOne(out, call, Microseconds(10));
  });
  for (int i = 0; i < 3; ++i) PollOnce(poller);
  EXPECT_EQ(poller.transfers(), 2u + 1u + 2u);
}

TEST_F(SourcePollerTest, OfAChannelThatIsReadSeldomOnPurposeNoMoreIsRequested) {
  auto source = std::make_unique<ScriptedSource>(
      "meter", std::vector<v1::ChannelInfo>{kCurrent, kCurrent},
      [](int, std::vector<ChannelReading>*) { return absl::OkStatus(); });
  source->SetAskedHz(10);
  SourcePoller poller(0, std::move(source), clock_, sinks_);
  poller.SetPeriod(Milliseconds(1));
  v1::SourceStats stats = poller.TakeStats();
  ASSERT_EQ(stats.channels_size(), 2);
  EXPECT_DOUBLE_EQ(stats.channels(0).requested_hz(), 1000);
  EXPECT_DOUBLE_EQ(stats.channels(1).requested_hz(), 10);
  poller.SetPeriod(Milliseconds(1000));
  EXPECT_DOUBLE_EQ(poller.TakeStats().channels(1).requested_hz(), 1);
}

TEST_F(SourcePollerTest, StatesAchievedAndFreshRatesNotRequestedOnes) {
  // Ten ticks: one fails, one is missed, eight give readings, of which every second is a new value.
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) -> absl::Status {
    if (call == 3) return absl::UnavailableError("busy");
    return ReadOne(out, call / 2, call == 8 ? Microseconds(1500) : Microseconds(10));
  });
  for (int i = 0; i < 9; ++i) PollOnce(poller);
  clock_.SleepUntil(MonotonicTime{10'000'000});
  v1::SourceStats stats = poller.TakeStats();
  EXPECT_EQ(stats.ticks(), 9u);
  EXPECT_EQ(stats.failed(), 1u);
  EXPECT_EQ(stats.missed(), 0u);
  EXPECT_DOUBLE_EQ(stats.requested_hz(), 1000);
  EXPECT_DOUBLE_EQ(stats.achieved_hz(), 8 / 10e-3);
  EXPECT_DOUBLE_EQ(stats.fresh_hz(), 5 / 10e-3);  // values 0, 1, 2, 3, 4

  PollOnce(poller);  // at 10 ms: tick 9 was missed
  clock_.SleepUntil(MonotonicTime{20'000'000});
  stats = poller.TakeStats();
  EXPECT_EQ(stats.ticks(), 2u);
  EXPECT_EQ(stats.missed(), 1u);
  EXPECT_DOUBLE_EQ(stats.achieved_hz(), 100);
}

TEST_F(SourcePollerTest, ARepeatIsNotFreshEvenWhereItsValueChanged) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) {
    return ReadOne(out, call, Microseconds(1),
                   call % 2 == 0 ? Freshness::kFresh : Freshness::kRepeat);
  });
  for (int i = 0; i < 10; ++i) PollOnce(poller);
  clock_.SleepUntil(MonotonicTime{10'000'000});
  EXPECT_DOUBLE_EQ(poller.TakeStats().fresh_hz(), 500);
}

TEST_F(SourcePollerTest, ANewPeriodHoldsFromTheNextTick) {
  SourcePoller poller = Poller([&](int call, std::vector<ChannelReading>* out) {
    return ReadOne(out, call, Microseconds(500));
  });
  PollOnce(poller);
  poller.SetPeriod(Milliseconds(2));
  for (int i = 0; i < 3; ++i) PollOnce(poller);
  EXPECT_THAT(sink_.begins(0), ElementsAre(0, 500'000, 2'500'000, 4'500'000));
  EXPECT_TRUE(sink_.gaps(0).empty());
}

std::unique_ptr<PowerSource> FailingAfter(std::string name, int calls, Clock& clock) {
  return std::make_unique<ScriptedSource>(
      name, std::vector<v1::ChannelInfo>{kCurrent},
      [=, &clock](int call, std::vector<ChannelReading>* out) -> absl::Status {
        if (call == calls) return absl::InternalError("broken");
        const int64_t now = clock.Now().ns;
        out->push_back({0, {now, now, call, Freshness::kFresh}});
        return absl::OkStatus();
      });
}

TEST_F(SourcePollerTest, DescribesWhatItsSourceFoundOutWhileItWasRead) {
  sinks_.Add(&sink_);
  auto owned = std::make_unique<ScriptedSource>(
      "gauge", std::vector<v1::ChannelInfo>{kCurrent},
      [&](int call, std::vector<ChannelReading>* out) -> absl::Status {
        if (call >= 20) return absl::NotFoundError("the battery is gone");
        return ReadOne(out, call, Nanoseconds{0});
      });
  ScriptedSource& source = *owned;
  source.SetMaxRate(10);
  source.SetRemarks({"not known yet"});
  SourcePoller poller(0, std::move(owned), clock_, sinks_);
  poller.SetPeriod(Milliseconds(100));
  EXPECT_EQ(poller.Describe().channels_size(), 1);
  EXPECT_THAT(poller.Describe().remarks(), ElementsAre("not known yet")) << "before any read";
  PollOnce(poller);
  source.SetRemarks({"it updates once a second"});
  source.SetMaxRate(std::numeric_limits<double>::infinity());
  const MonotonicTime learnt = clock_.Now();
  while (poller.Describe().remarks(0) == "not known yet") PollOnce(poller);
  EXPECT_LE((clock_.Now() - learnt).count, (SourcePoller::kDescribeInterval).count);
  EXPECT_THAT(poller.Describe().remarks(), ElementsAre("it updates once a second"));
  EXPECT_EQ(poller.doubt(), "doubt: it updates once a second");
  EXPECT_DOUBLE_EQ(poller.Describe().max_rate_hz(), 0) << "none";
  EXPECT_EQ(poller.Describe().channels_size(), 1);
  for (int i = 0; i < 20; ++i) PollOnce(poller);
  EXPECT_THAT(poller.Describe().remarks(),
              ElementsAre("it updates once a second",
                          HasSubstr("gauge is not read: NOT_FOUND: the battery is gone")));
}

TEST(Sampler, ReadsEverySourceInAThreadOfItsOwnAndOneThatEndsDoesNotStopTheOthers) {
  FakeClock clock;
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(FailingAfter("short", 3, clock));
  sources.push_back(FailingAfter("long", 500, clock));
  Sampler sampler(std::move(sources), clock);
  KeepingSink sink;
  sink.ExpectEnds(2);
  sampler.AddSink(&sink);
  sampler.Start();
  sink.WaitForEnds();
  sampler.Stop();
  EXPECT_EQ(sink.begins(0).size(), 3u);
  EXPECT_EQ(sink.begins(1).size(), 500u);
  EXPECT_EQ(sampler.source_status(0).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(sampler.source(1).name(), "long");
}

TEST(Sampler, InVirtualTimeOneThreadTicksTheSourceThatIsDueNext) {
  FakeClock clock;
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(FailingAfter("short", 3, clock));
  sources.push_back(FailingAfter("long", 20, clock));
  Sampler sampler(std::move(sources), clock);
  ASSERT_TRUE(sampler.SetRate(100).ok());
  KeepingSink sink;
  sampler.AddSink(&sink);
  for (int ticks = 0; ticks < 21 + 4; ++ticks) {
    const std::optional<MonotonicTime> due = sampler.NextDue();
    ASSERT_TRUE(due.has_value()) << ticks;
    clock.SleepUntil(*due);
    sampler.TickNext();
  }
  EXPECT_FALSE(sampler.NextDue().has_value()) << "both were given up";
  sampler.TickNext();
  EXPECT_EQ(sink.begins(0).size(), 3u);
  EXPECT_EQ(sink.begins(1).size(), 20u);
}

TEST(Sampler, ABlockingSourceDoesNotSlowTheOthers) {
  // The slow source's read does not return before the fast one was read 100 times.
  Clock& clock = RealClock();
  absl::Notification fast_done;
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(
      std::make_unique<ScriptedSource>("blocking", std::vector<v1::ChannelInfo>{kCurrent},
                                       [&](int, std::vector<ChannelReading>*) -> absl::Status {
                                         fast_done.WaitForNotification();
                                         return absl::OkStatus();
                                       }));
  sources.push_back(
      std::make_unique<ScriptedSource>("fast", std::vector<v1::ChannelInfo>{kCurrent},
                                       [&](int call, std::vector<ChannelReading>*) -> absl::Status {
                                         if (call == 100) fast_done.Notify();
                                         return absl::OkStatus();
                                       }));
  Sampler sampler(std::move(sources), clock);
  ASSERT_TRUE(sampler.SetRate(10'000).ok());
  sampler.Start();
  fast_done.WaitForNotification();
  sampler.Stop();
}

TEST(Sampler, StopsPromptlyAtTheLowestRateAndWithoutAnyRun) {
  Clock& clock = RealClock();
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(FailingAfter("slow", 1'000'000, clock));
  Sampler sampler(std::move(sources), clock);
  sampler.Stop();
  ASSERT_TRUE(sampler.SetRate(Sampler::kLowestRateHz).ok());
  sampler.Start();
  const MonotonicTime begin = clock.Now();
  sampler.Stop();
  EXPECT_LT((clock.Now() - begin).seconds(), 1);
}

TEST(Sampler, ARemovedSinkGetsNoMoreCalls) {
  Clock& clock = RealClock();
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(FailingAfter("meter", 1'000'000'000, clock));
  Sampler sampler(std::move(sources), clock);
  ASSERT_TRUE(sampler.SetRate(20'000).ok());
  sampler.Start();
  for (int i = 0; i < 50; ++i) {
    auto sink = std::make_unique<KeepingSink>();
    sampler.AddSink(sink.get());
    sampler.RemoveSink(sink.get());
    sink.reset();  // a call after this is a use after free, for the sanitizers to find
  }
  sampler.Stop();
}

TEST(Sampler, RefusesRatesAndCpusThatDoNotExist) {
  FakeClock clock;
  Sampler sampler({}, clock);
  for (const double hz : {0.0, -1.0, 1e7, 1e-9, std::nan("")}) {
    EXPECT_EQ(sampler.SetRate(hz).code(), absl::StatusCode::kInvalidArgument) << hz;
  }
  EXPECT_DOUBLE_EQ(sampler.rate_hz(), Sampler::kDefaultRateHz);
  EXPECT_EQ(sampler.SetAffinity({-1}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sampler.SetAffinity({1 << 20}).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Sampler, KeepsItsThreadsOnTheCpusTheyAreGiven) {
  Clock& clock = RealClock();
  std::atomic<bool> placed = false;
  std::atomic<int> left = 0;
  absl::Notification read_often;
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(
      std::make_unique<ScriptedSource>("meter", std::vector<v1::ChannelInfo>{kCurrent},
                                       [&](int call, std::vector<ChannelReading>*) -> absl::Status {
                                         const bool there = sched_getcpu() == 0;
                                         if (placed && !there) ++left;
                                         placed = there;
                                         if (call == 100) read_often.Notify();
                                         return absl::OkStatus();
                                       }));
  Sampler sampler(std::move(sources), clock);
  ASSERT_TRUE(sampler.SetRate(10'000).ok());
  ASSERT_TRUE(sampler.SetAffinity({0}).ok());
  sampler.Start();
  read_often.WaitForNotification();
  sampler.Stop();
  // The thread is placed once it was started; before that it may have been there and elsewhere.
  EXPECT_TRUE(placed);
  EXPECT_LE(left, 1);
}

}  // namespace
}  // namespace synergy
