// What every implementation of PowerSource must do, whatever it reads. A test of a source
// instantiates the suite with a function that makes one:
//
//   INSTANTIATE_TEST_SUITE_P(MySource, PowerSourceConformance, testing::Values(&MakeMySource));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "common/clock.h"
#include "daemon/power/power_source.h"

namespace synergy {

struct SourceUnderTest {
  std::unique_ptr<Clock> clock;  // outlives the source; virtual
  std::unique_ptr<PowerSource> source;
  // The next access to the sensor fails with this.
  std::function<void(absl::Status)> fail_next;
};

class PowerSourceConformance : public testing::TestWithParam<SourceUnderTest (*)()> {
 protected:
  // Ticks of 1 ms.
  std::vector<ChannelReading> ReadFor(SourceUnderTest& t, int ticks) {
    std::vector<ChannelReading> readings;
    for (int i = 0; i < ticks; ++i) {
      const MonotonicTime next = t.clock->Now() + Milliseconds(1);
      EXPECT_TRUE(t.source->Read(&readings).ok());
      t.clock->SleepUntil(next);
    }
    return readings;
  }
};

TEST_P(PowerSourceConformance, DescribesItsChannels) {
  SourceUnderTest t = GetParam()();
  EXPECT_FALSE(t.source->name().empty());
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
    EXPECT_GT(channel.window().slot_s(), 0);
    EXPECT_GE(channel.window().period_s(), channel.window().slot_s());
    EXPECT_GE(channel.window().period_tolerance(), 0);
    EXPECT_LT(channel.window().period_tolerance(), 1);
    EXPECT_GE(channel.window().average(), 1u);
  }
}

TEST_P(PowerSourceConformance, EveryChannelIsReadWithinASecond) {
  SourceUnderTest t = GetParam()();
  std::set<uint32_t> seen;
  for (const ChannelReading& reading : ReadFor(t, 1000)) seen.insert(reading.channel);
  EXPECT_EQ(seen.size(), t.source->channels().size());
  EXPECT_LT(*seen.rbegin(), t.source->channels().size());
}

TEST_P(PowerSourceConformance, DescriptionsStayTheSame) {
  SourceUnderTest t = GetParam()();
  std::vector<std::string> before;
  for (const auto& channel : t.source->channels()) before.push_back(channel.SerializeAsString());
  ReadFor(t, 100);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(t.source->channels()[i].SerializeAsString(), before[i]);
  }
}

TEST_P(PowerSourceConformance, StampsEachReadAtBothEndsInOrder) {
  SourceUnderTest t = GetParam()();
  for (int i = 0; i < 50; ++i) {
    std::vector<ChannelReading> readings;
    int64_t at_ns = t.clock->Now().ns;
    ASSERT_TRUE(t.source->Read(&readings).ok());
    for (const ChannelReading& r : readings) {
      EXPECT_GE(r.reading.begin_ns, at_ns);
      EXPECT_GE(r.reading.end_ns, r.reading.begin_ns);
      at_ns = r.reading.end_ns;
    }
    EXPECT_LE(at_ns, t.clock->Now().ns);
    t.clock->SleepUntil(t.clock->Now() + Milliseconds(1));
  }
}

TEST_P(PowerSourceConformance, AppendsToWhatIsThere) {
  SourceUnderTest t = GetParam()();
  std::vector<ChannelReading> readings{
      {.channel = 77, .reading = {.begin_ns = 1, .end_ns = 2, .raw = 3}}};
  ASSERT_TRUE(t.source->Read(&readings).ok());
  EXPECT_GT(readings.size(), 1u);
  EXPECT_EQ(readings.front().channel, 77u);
}

TEST_P(PowerSourceConformance, ARepeatHasTheValueOfTheReadingBefore) {
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

TEST_P(PowerSourceConformance, GoesOnAfterATickThatFailed) {
  SourceUnderTest t = GetParam()();
  ReadFor(t, 10);
  t.fail_next(absl::UnavailableError("no answer"));
  std::vector<ChannelReading> readings;
  const absl::Status status = t.source->Read(&readings);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.ToString().find(t.source->name()), std::string::npos) << "says which source";
  EXPECT_NE(status.ToString().find("no answer"), std::string::npos) << "says what happened";
  EXPECT_FALSE(ReadFor(t, 10).empty());
}

TEST_P(PowerSourceConformance, SaysThatItIsGone) {
  SourceUnderTest t = GetParam()();
  t.fail_next(absl::NotFoundError("unplugged"));
  std::vector<ChannelReading> readings;
  EXPECT_EQ(t.source->Read(&readings).code(), absl::StatusCode::kNotFound);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PowerSourceConformance);

}  // namespace synergy
