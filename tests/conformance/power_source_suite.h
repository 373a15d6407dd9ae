// What every implementation of PowerSource must do, whatever it reads. A test of a source
// instantiates the suite with a function that makes one:
//
//   INSTANTIATE_TEST_SUITE_P(MySource, PowerSourceSuite, testing::Values(&MakeMySource));
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/clock.h"
#include "daemon/power/power_source.h"

namespace synergy {

struct SourceUnderTest {
  std::shared_ptr<void> bench;  // whatever must outlive the source
  Clock* clock = nullptr;       // virtual
  std::unique_ptr<PowerSource> source;

  // The next access to the sensor fails with this code; returns words that must be in the error.
  std::function<std::string(absl::StatusCode)> fail_next;
  // The sensor goes away, and comes back with another name. Null where it cannot.
  std::function<void()> vanish, come_back;
  // What the sensor truly shows for a channel, in SI units. Null: it changes all the time.
  std::function<double(const v1::ChannelInfo&)> truth;
  // Every file that could be changed, but for those that went through the SettingWriter. Null: no
  // files.
  std::function<std::map<std::string, std::string>()> untouchable;
  // From before the source was opened.
  std::map<std::string, std::string> untouchable_before;
  // The source takes its stamps from elsewhere than the clock.
  bool foreign_stamps = false;
};

class PowerSourceSuite : public testing::TestWithParam<SourceUnderTest (*)()> {
 protected:
  static constexpr Nanoseconds kTick = Milliseconds(1);

  static void Wait(SourceUnderTest& t, Nanoseconds span) {
    t.clock->SleepUntil(t.clock->Now() + span);
  }
  std::vector<ChannelReading> ReadFor(SourceUnderTest& t, int ticks, Nanoseconds tick = kTick) {
    std::vector<ChannelReading> readings;
    for (int i = 0; i < ticks; ++i) {
      const MonotonicTime next = t.clock->Now() + tick;
      const absl::Status status = t.source->Read(&readings);
      EXPECT_TRUE(status.ok()) << status;
      t.clock->SleepUntil(next);
    }
    return readings;
  }
};

TEST_P(PowerSourceSuite, DescribesItsChannels) {
  SourceUnderTest t = GetParam()();
  EXPECT_FALSE(t.source->name().empty());
  EXPECT_GT(t.source->max_rate_hz(), 0);
  ASSERT_FALSE(t.source->channels().empty());
  std::set<std::pair<std::string, int>> seen;
  for (const v1::ChannelInfo& channel : t.source->channels()) {
    EXPECT_EQ(channel.channel(), 0u) << "runs number channels";
    EXPECT_FALSE(channel.rail().empty());
    EXPECT_NE(channel.quantity(), v1::ChannelInfo::QUANTITY_UNSPECIFIED);
    EXPECT_TRUE(seen.emplace(channel.rail(), channel.quantity()).second) << channel.rail();
    EXPECT_GT(channel.scale(), 0);
    EXPECT_TRUE(channel.source().starts_with(t.source->name())) << channel.source();
    ASSERT_TRUE(channel.has_window());
    EXPECT_GE(channel.window().slot_s(), 0) << "0: not known";
    EXPECT_GE(channel.window().period_s(), channel.window().slot_s());
    EXPECT_GE(channel.window().period_tolerance(), 0);
    EXPECT_LT(channel.window().period_tolerance(), 1);
    if (channel.window().period_s() > 0) {
      EXPECT_GT(channel.window().slot_s(), 0);
      EXPECT_GE(channel.window().average(), 1u);
    }
  }
}

TEST_P(PowerSourceSuite, EveryChannelIsReadWithinASecond) {
  SourceUnderTest t = GetParam()();
  std::set<uint32_t> seen;
  for (const ChannelReading& reading : ReadFor(t, 1000)) seen.insert(reading.channel);
  EXPECT_EQ(seen.size(), t.source->channels().size());
  EXPECT_LT(*seen.rbegin(), t.source->channels().size());
}

TEST_P(PowerSourceSuite, RawTimesScaleIsWhatTheSensorShows) {
  SourceUnderTest t = GetParam()();
  if (!t.truth) return;
  for (const ChannelReading& r : ReadFor(t, 20)) {
    const v1::ChannelInfo& channel = t.source->channels()[r.channel];
    const double truth = t.truth(channel);
    EXPECT_NEAR(static_cast<double>(r.reading.raw) * channel.scale(), truth,
                1e-9 + 1e-6 * std::abs(truth))
        << channel.ShortDebugString();
  }
}

TEST_P(PowerSourceSuite, DescriptionsStayTheSame) {
  SourceUnderTest t = GetParam()();
  std::vector<std::string> before;
  for (const auto& channel : t.source->channels()) before.push_back(channel.SerializeAsString());
  ReadFor(t, 100);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(t.source->channels()[i].SerializeAsString(), before[i]);
  }
}

TEST_P(PowerSourceSuite, StampsEachReadAtBothEndsInOrder) {
  SourceUnderTest t = GetParam()();
  for (int i = 0; i < 50; ++i) {
    std::vector<ChannelReading> readings;
    int64_t at_ns = t.foreign_stamps ? 0 : t.clock->Now().ns;
    ASSERT_TRUE(t.source->Read(&readings).ok());
    for (const ChannelReading& r : readings) {
      EXPECT_GE(r.reading.begin_ns, at_ns);
      EXPECT_GE(r.reading.end_ns, r.reading.begin_ns);
      at_ns = t.foreign_stamps ? 0 : r.reading.end_ns;
      EXPECT_LE(r.reading.end_ns, t.clock->Now().ns);
    }
    Wait(t, kTick);
  }
}

TEST_P(PowerSourceSuite, AppendsToWhatIsThere) {
  SourceUnderTest t = GetParam()();
  std::vector<ChannelReading> readings{
      {.channel = 77, .reading = {.begin_ns = 1, .end_ns = 2, .raw = 3}}};
  ASSERT_TRUE(t.source->Read(&readings).ok());
  EXPECT_GT(readings.size(), 1u);
  EXPECT_EQ(readings.front().channel, 77u);
}

TEST_P(PowerSourceSuite, ARepeatHasTheValueOfTheReadingBefore) {
  SourceUnderTest t = GetParam()();
  std::map<uint32_t, int64_t> last;
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(t.source->Read(&readings).ok());  // as fast as it goes
  for (const ChannelReading& r : readings) {
    if (r.reading.freshness == Freshness::kRepeat) {
      ASSERT_TRUE(last.contains(r.channel)) << "there is nothing to repeat";
      EXPECT_EQ(r.reading.raw, last[r.channel]);
    }
    last[r.channel] = r.reading.raw;
  }
}

TEST_P(PowerSourceSuite, EnergyNeverDecreases) {
  SourceUnderTest t = GetParam()();
  std::map<uint32_t, int64_t> last;
  for (const ChannelReading& r : ReadFor(t, 200)) {
    if (t.source->channels()[r.channel].quantity() != v1::ChannelInfo::QUANTITY_ENERGY_COUNTER) {
      continue;
    }
    if (last.contains(r.channel)) {
      EXPECT_GE(r.reading.raw, last[r.channel]);
    }
    last[r.channel] = r.reading.raw;
  }
}

TEST_P(PowerSourceSuite, GoesOnAfterATickThatFailed) {
  SourceUnderTest t = GetParam()();
  ReadFor(t, 10);
  const std::string words = t.fail_next(absl::StatusCode::kUnavailable);
  std::vector<ChannelReading> readings;
  const absl::Status status = t.source->Read(&readings);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(status.ToString().find(t.source->name()), std::string::npos)
      << status << " says which source";
  EXPECT_NE(status.ToString().find(words), std::string::npos) << status << " says what happened";
  EXPECT_FALSE(ReadFor(t, 10).empty());
}

TEST_P(PowerSourceSuite, SaysThatItIsGone) {
  SourceUnderTest t = GetParam()();
  t.fail_next(absl::StatusCode::kNotFound);
  std::vector<ChannelReading> readings;
  EXPECT_EQ(t.source->Read(&readings).code(), absl::StatusCode::kNotFound);
}

TEST_P(PowerSourceSuite, ComesBackUnderAnotherName) {
  SourceUnderTest t = GetParam()();
  if (!t.vanish) return;
  ReadFor(t, 10);
  t.vanish();
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 5; ++i) {
    const absl::Status status = t.source->Read(&readings);
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_NE(status.ToString().find(t.source->name()), std::string::npos) << status;
    Wait(t, Milliseconds(700));
  }
  EXPECT_TRUE(readings.empty());
  t.come_back();
  Wait(t, Milliseconds(1100));
  std::set<uint32_t> seen;
  for (const ChannelReading& r : ReadFor(t, 1000)) seen.insert(r.channel);
  EXPECT_EQ(seen.size(), t.source->channels().size());
}

TEST_P(PowerSourceSuite, NothingButTheSettingWriterChangesFiles) {
  SourceUnderTest t = GetParam()();
  if (!t.untouchable) return;
  EXPECT_FALSE(t.untouchable_before.empty());
  ReadFor(t, 1200);
  for (const auto& [file, text] : t.untouchable()) {
    const auto before = t.untouchable_before.find(file);
    ASSERT_NE(before, t.untouchable_before.end()) << file << " is new";
    EXPECT_EQ(text, before->second) << file;
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PowerSourceSuite);

}  // namespace synergy
