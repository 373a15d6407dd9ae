#include "daemon/jobs/chirp_player.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "common/load_chirp.h"
#include "daemon/jobs/core_plan.h"

namespace synergy {
namespace {

// Goes ahead by a microsecond each time it is asked, whoever asks.
class BusyClock final : public Clock {
 public:
  MonotonicTime Now() override { return {now_ns_ += 1'000}; }
  void SleepUntil(MonotonicTime deadline) override {
    int64_t now = now_ns_.load();
    while (now < deadline.ns && !now_ns_.compare_exchange_weak(now, deadline.ns)) {
    }
  }

 private:
  std::atomic<int64_t> now_ns_ = 1'000'000'000'000;
};

class NoEngine final : public ActivityFeed {
 public:
  explicit NoEngine(Clock& clock) : clock_(clock) {}
  void Poll(Snapshot* snapshot) override {
    snapshot->as_of = clock_.Now();
    snapshot->completed.clear();
    snapshot->running.clear();
  }

 private:
  Clock& clock_;
};

v1::LoadChirp Chirp() {
  v1::LoadChirp chirp;
  chirp.set_seed(3);
  chirp.set_chips(16);
  chirp.set_seconds_per_chip(0.001);
  return chirp;
}

class ChirpPlayerTest : public testing::Test {
 protected:
  BusyClock clock_;
  NoEngine engine_{clock_};
  std::vector<int> cpus_{AvailableCpus().front()};
};

TEST_F(ChirpPlayerTest, PlaysEveryEdgeNotBeforeItsTime) {
  ChirpPlayer player(cpus_, engine_, clock_);
  const auto played = player.Play(Chirp(), true, [] { return absl::OkStatus(); });
  ASSERT_TRUE(played.ok()) << played.status();
  const std::vector<Nanoseconds> planned = ChirpEdges(Chirp());
  ASSERT_EQ(static_cast<size_t>(played->edge_ns_size()), planned.size());
  for (int i = 1; i < played->edge_ns_size(); ++i) {
    EXPECT_GT(played->edge_ns(i), played->edge_ns(i - 1));
    EXPECT_GE(played->edge_ns(i) - played->edge_ns(0),
              (planned[static_cast<size_t>(i)] - planned[0]).count - 100'000);
  }
  EXPECT_TRUE(played->after());
  EXPECT_EQ(played->threads(), 1u);
  EXPECT_EQ(played->chirp().seed(), 3u);
}

TEST_F(ChirpPlayerTest, TellsASimulatedBoardExactlyWhatItPlayed) {
  ChirpPlayer player(cpus_, engine_, clock_);
  std::vector<Marker> seen;
  ActivityFeed::Snapshot snapshot;
  const auto poll = [&] {
    player.Poll(&snapshot);
    seen.insert(seen.end(), snapshot.completed.begin(), snapshot.completed.end());
    for (const CurrentOperator& slot : snapshot.running) {
      EXPECT_EQ(slot.op, kOpInit);
      EXPECT_LE(slot.begin_ns, clock_.Now().ns);
    }
    return absl::OkStatus();
  };
  const auto played = player.Play(Chirp(), false, poll);
  ASSERT_TRUE(played.ok()) << played.status();
  EXPECT_TRUE(poll().ok());
  EXPECT_TRUE(snapshot.running.empty());
  ASSERT_EQ(seen.size() * 2, static_cast<size_t>(played->edge_ns_size()));
  for (size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].begin_ns, played->edge_ns(static_cast<int>(2 * i)));
    EXPECT_EQ(seen[i].end_ns, played->edge_ns(static_cast<int>(2 * i + 1)));
    EXPECT_EQ(seen[i].phase, v1::PHASE_IDLE);
  }
}

TEST_F(ChirpPlayerTest, KeepsAsManyThreadsBusyAsThereAreCores) {
  ChirpPlayer player({cpus_[0], cpus_[0], cpus_[0]}, engine_, clock_);
  const auto played = player.Play(Chirp(), false, [] { return absl::OkStatus(); });
  ASSERT_TRUE(played.ok()) << played.status();
  EXPECT_EQ(played->threads(), 3u);
  ActivityFeed::Snapshot snapshot;
  player.Poll(&snapshot);
  std::map<uint16_t, size_t> by_thread;
  for (const Marker& marker : snapshot.completed) ++by_thread[marker.thread];
  EXPECT_EQ(by_thread.size(), 3u);
}

TEST_F(ChirpPlayerTest, EndsWithWhatFailsMeanwhile) {
  ChirpPlayer player(cpus_, engine_, clock_);
  const auto played = player.Play(Chirp(), false, [] { return absl::CancelledError("stop"); });
  EXPECT_TRUE(absl::IsCancelled(played.status()));
  ActivityFeed::Snapshot snapshot;
  player.Poll(&snapshot);
  EXPECT_TRUE(snapshot.running.empty());
}

}  // namespace
}  // namespace synergy
