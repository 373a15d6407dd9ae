// Live telemetry through the front to the client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/mutex.h"
#include "client/net/device_client.h"
#include "daemon/front/front_server.h"
#include "tests/daemon/front/fake_root.h"

namespace synergy {
namespace {

using testing::HasSubstr;

constexpr int64_t kPeriodNs = 10'000'000;

class WatchTest : public testing::Test {
 protected:
  void Start(FakeRoot& root) {
    auto front =
        FrontServer::Start(std::make_unique<ControlChannel>(root.StartFront()), RealClock());
    ASSERT_TRUE(front.ok()) << front.status();
    front_ = *std::move(front);
    auto client = DeviceClient::Connect(root.unix_host());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Record `number`: it carries its number as iteration, and as watts on rail 0.
  static TelemetryRecord Record(uint32_t number) {
    TelemetryRecord record;
    record.begin_ns = 1'000'000'000 + number * kPeriodNs;
    record.end_ns = record.begin_ns + kPeriodNs;
    record.iteration = number;
    record.rail_count = 2;
    const double watts = number;
    record.rails[0] = {.min_w = watts, .mean_w = watts, .max_w = watts, .readings = 10};
    return record;
  }

  void Write(FakeRoot& root, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) root.ring().Write(Record(next_++));
  }

  // Keeps points; blocks in the first one after Block() until Release().
  absl::Status OnPoint(const v1::TelemetryPoint& point) {
    absl::MutexLock lock(&mutex_);
    points_.push_back(point);
    mutex_.Await(absl::Condition(
        +[](bool* blocked) { return !*blocked; }, &blocked_));
    return absl::OkStatus();
  }

  void SetBlocked(bool blocked) {
    absl::MutexLock lock(&mutex_);
    blocked_ = blocked;
  }

  // Writes single records until a point that is not older than `iteration` has come.
  void WriteUntilSeen(FakeRoot& root, uint32_t iteration) {
    for (bool seen = false; !seen;) {
      Write(root, 1);
      absl::MutexLock lock(&mutex_);
      const auto arrived = [this, iteration]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return !points_.empty() && points_.back().iteration() >= iteration;
      };
      seen = mutex_.AwaitWithTimeout(absl::Condition(&arrived), absl::Milliseconds(20));
    }
  }

  std::vector<v1::TelemetryPoint> points() const {
    absl::MutexLock lock(&mutex_);
    return points_;
  }

  uint32_t next_ = 0;
  std::unique_ptr<FrontServer> front_;
  std::unique_ptr<DeviceClient> client_;
  mutable absl::Mutex mutex_;
  std::vector<v1::TelemetryPoint> points_ ABSL_GUARDED_BY(mutex_);
  bool blocked_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST_F(WatchTest, PointsFollowTheRingAtTheRateAskedFor) {
  FakeRoot root;
  Start(root);
  std::stop_source stop;
  std::jthread watcher([&] {
    EXPECT_EQ(client_
                  ->Watch(
                      50, [this](const auto& p) { return OnPoint(p); }, stop.get_token())
                  .code(),
              absl::StatusCode::kCancelled);
  });
  WriteUntilSeen(root, 0);
  WriteUntilSeen(root, next_ + 40);
  stop.request_stop();
  watcher.join();
  const auto got = points();
  ASSERT_GE(got.size(), 20u);
  for (size_t i = 1; i < got.size(); ++i) {
    EXPECT_EQ(got[i].begin_ns(), got[i - 1].end_ns());
    EXPECT_EQ(got[i].end_ns() - got[i].begin_ns(), 2 * kPeriodNs);
    ASSERT_EQ(got[i].rails_size(), 2);
    EXPECT_EQ(got[i].rails(0).rail(), "VDD_IN");
    EXPECT_DOUBLE_EQ(got[i].rails(0).max_w(), got[i].iteration());
    EXPECT_DOUBLE_EQ(got[i].rails(0).mean_w(), got[i].iteration() - 0.5);
    EXPECT_EQ(got[i].rails(1).readings(), 0u);
    EXPECT_TRUE(got[i].simulated());
    EXPECT_EQ(got[i].lost(), 0u);
  }
}

TEST_F(WatchTest, WhatASlowReaderMissesIsCounted) {
  FakeRoot root;
  Start(root);
  std::stop_source stop;
  std::jthread watcher([&] {
    EXPECT_EQ(client_
                  ->Watch(
                      100, [this](const auto& p) { return OnPoint(p); }, stop.get_token())
                  .code(),
              absl::StatusCode::kCancelled);
  });
  WriteUntilSeen(root, 0);
  SetBlocked(true);
  constexpr uint32_t kBurst = 400'000;  // far beyond the ring's 4096 and what fits into sockets
  Write(root, kBurst);
  SetBlocked(false);
  WriteUntilSeen(root, next_);
  stop.request_stop();
  watcher.join();
  const auto got = points();
  const uint64_t lost = got.back().lost();
  EXPECT_GT(lost, 0u);
  // Each record is either a point (the rate is the ring's own) or counted as lost.
  EXPECT_EQ(got.back().iteration() - got.front().iteration(), got.size() - 1 + lost);
}

TEST_F(WatchTest, ARateOutOfRangeIsInvalid) {
  FakeRoot root;
  Start(root);
  for (const double rate : {0.0, -5.0, 1e6}) {
    EXPECT_EQ(client_->Watch(rate, [](const auto&) { return absl::OkStatus(); }).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(WatchTest, TheCallersErrorEndsTheWatch) {
  FakeRoot root;
  Start(root);
  std::jthread watcher([&] {
    const auto stop_at_once = [this](const v1::TelemetryPoint& point) {
      OnPoint(point).IgnoreError();
      return absl::AbortedError("enough");
    };
    EXPECT_EQ(client_->Watch(100, stop_at_once), absl::AbortedError("enough"));
  });
  WriteUntilSeen(root, 0);
}

TEST_F(WatchTest, ABoardWithoutSensorsSaysThatItHasNoLivePower) {
  v1::BoardInfo board;
  board.set_name("auto");
  FakeRoot root(board, {});
  Start(root);
  const absl::Status status = client_->Watch(10, [](const auto&) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("--board sim:jetson-tx1"));
  EXPECT_EQ(client_->Truth("r").status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace synergy
