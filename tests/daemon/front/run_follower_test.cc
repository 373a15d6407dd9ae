#include "daemon/front/run_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>

#include "tests/daemon/front/fake_root.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Keeps what it gets; `on_chunk` and `on_status` run after each and may change the world.
class RecordingSink final : public FollowSink {
 public:
  bool Send(const v1::FollowJobResponse& item) override {
    EXPECT_NE(item.chunks_size() > 0, item.has_status());
    last_is_status = item.has_status();
    batches.push_back(item.chunks_size());
    for (const v1::Chunk& chunk : item.chunks()) {
      seqs.push_back(chunk.seq());
      if (on_chunk) on_chunk(chunk.seq());
    }
    if (item.has_status()) {
      states.push_back(item.status().state());
      if (on_status) on_status(item.status().state());
    }
    return !gone;
  }
  bool Cancelled() override { return gone; }

  std::vector<uint64_t> seqs;
  std::vector<v1::JobState> states;
  std::vector<int> batches;  // chunks in each item
  bool last_is_status = false;
  std::function<void(uint64_t seq)> on_chunk;
  std::function<void(v1::JobState state)> on_status;
  bool gone = false;
};

class RunFollowerTest : public testing::Test {
 protected:
  void Connect() {
    auto channel = std::make_unique<ControlChannel>(root_.StartFront());
    auto start = ReceiveStart(channel.get());
    ASSERT_TRUE(start.ok()) << start.status();
    news_.emplace(std::move(start->news));
    client_.emplace(std::move(channel), *news_);
    if (!expected_.empty()) WaitForJob(expected_);
  }

  // The front hears of jobs in its own time.
  void WaitForJob(const std::string& run_id) {
    for (uint64_t seen = news_->count(); client_->jobs().Find(run_id) == nullptr;
         seen = news_->count()) {
      news_->Wait(seen, Milliseconds(50));
    }
  }

  void SetJob(const v1::JobStatus& job) {
    root_.SetJob(job);
    expected_ = job.run_id();
  }

  absl::Status Follow(uint64_t from_seq, Nanoseconds pause = {}) {
    return RunFollower(*client_, *news_, clock_).Follow("r", from_seq, pause, sink_);
  }

  FakeRoot root_;
  FakeClock clock_;
  std::string expected_;
  std::optional<News> news_;
  std::optional<RootClient> client_;
  RecordingSink sink_;
};

TEST_F(RunFollowerTest, AnEndedRunGivesItsChunksAndThenItsFinalStatusOnce) {
  root_.AppendChunks("r", 3);
  SetJob(JobOf("r", v1::JOB_STATE_DONE, 3));
  Connect();
  ASSERT_TRUE(Follow(0).ok());
  EXPECT_THAT(sink_.seqs, ElementsAre(0, 1, 2));
  EXPECT_THAT(sink_.states, ElementsAre(v1::JOB_STATE_DONE));
  EXPECT_TRUE(sink_.last_is_status);
}

TEST_F(RunFollowerTest, StartsAtAnySeq) {
  root_.AppendChunks("r", 4);
  SetJob(JobOf("r", v1::JOB_STATE_FAILED, 4));
  Connect();
  for (uint64_t from = 0; from <= 4; ++from) {
    sink_.seqs.clear();
    sink_.states.clear();
    ASSERT_TRUE(Follow(from).ok());
    EXPECT_EQ(sink_.seqs.size(), 4 - from);
    EXPECT_THAT(sink_.states, ElementsAre(v1::JOB_STATE_FAILED));
    if (from < 4) {
      EXPECT_EQ(sink_.seqs.front(), from);
    }
  }
}

TEST_F(RunFollowerTest, ADeviceThatLostTheRunsEndSaysSo) {
  root_.AppendChunks("r", 4);
  SetJob(JobOf("r", v1::JOB_STATE_FAILED, 4));
  Connect();
  const absl::Status status = Follow(5);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(status.ToString(), HasSubstr("4 chunks"));
}

TEST_F(RunFollowerTest, ChunksThatAreThereAtOnceShareAMessageUpToAQuarterMegabyte) {
  root_.AppendChunks("r", 1000, 1000);
  root_.AppendChunks("r", 2, 1 << 20);
  SetJob(JobOf("r", v1::JOB_STATE_DONE, 1002));
  Connect();
  ASSERT_TRUE(Follow(0).ok());
  EXPECT_EQ(sink_.seqs.size(), 1002u);
  // 263 x 1000 bytes are the first to reach 262144.
  EXPECT_THAT(sink_.batches, ElementsAre(263, 263, 263, 212, 1, 0));
}

TEST_F(RunFollowerTest, AnUnknownRunIsNotFound) {
  Connect();
  EXPECT_EQ(Follow(0).code(), absl::StatusCode::kNotFound);
}

TEST_F(RunFollowerTest, FollowsAJobFromTheQueueToItsEnd) {
  SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  Connect();
  sink_.on_status = [&](v1::JobState state) {
    if (state == v1::JOB_STATE_QUEUED) {
      root_.SetJob(JobOf("r", v1::JOB_STATE_RUNNING));  // its spool comes later
    } else if (state == v1::JOB_STATE_RUNNING) {
      root_.AppendChunks("r", 2);
    }
  };
  sink_.on_chunk = [&](uint64_t seq) {
    if (seq == 1) root_.AppendChunks("r", 3);
    if (seq == 4) root_.SetJob(JobOf("r", v1::JOB_STATE_DONE, 5));
  };
  ASSERT_TRUE(Follow(0).ok());
  EXPECT_THAT(sink_.seqs, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(sink_.states,
              ElementsAre(v1::JOB_STATE_QUEUED, v1::JOB_STATE_RUNNING, v1::JOB_STATE_DONE));
}

TEST_F(RunFollowerTest, AJobCancelledInTheQueueHasNoChunks) {
  SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  Connect();
  sink_.on_status = [&](v1::JobState state) {
    if (state == v1::JOB_STATE_QUEUED) root_.SetJob(JobOf("r", v1::JOB_STATE_CANCELLED));
  };
  ASSERT_TRUE(Follow(0).ok());
  EXPECT_THAT(sink_.states, ElementsAre(v1::JOB_STATE_QUEUED, v1::JOB_STATE_CANCELLED));
}

TEST_F(RunFollowerTest, StatusesComeAtMostFiveTimesASecondBetweenChunks) {
  v1::JobStatus job = JobOf("r", v1::JOB_STATE_RUNNING);
  root_.AppendChunks("r", 1);
  SetJob(job);
  Connect();
  // Every chunk takes 10 ms and is followed by a new status and a new chunk: 100 a second for 2 s.
  sink_.on_chunk = [&](uint64_t) {
    clock_.Advance(Milliseconds(10));
    job.set_iteration(job.iteration() + 1);
    if (job.iteration() == 200) {
      root_.SetJob(JobOf("r", v1::JOB_STATE_DONE, 200));
      return;
    }
    root_.SetJob(job);
    root_.AppendChunks("r", 1);
    // News travel on another thread: at least this one has come before the job goes on.
    while (job.iteration() == 100 && client_->jobs().Find("r")->status().iteration() < 100) {
      std::this_thread::yield();
    }
  };
  ASSERT_TRUE(Follow(0).ok());
  EXPECT_EQ(sink_.seqs.size(), 200u);
  EXPECT_LE(sink_.states.size(), 12u);  // at 0, 0.2, ... 2.0 s, and the final one
  EXPECT_GE(sink_.states.size(), 3u);
}

TEST_F(RunFollowerTest, ChunksWaitForEachOtherForAPauseAndNotForTheRunsEnd) {
  root_.AppendChunks("r", 1);
  SetJob(JobOf("r", v1::JOB_STATE_RUNNING));
  Connect();
  v1::JobStatus job = JobOf("r", v1::JOB_STATE_RUNNING);
  sink_.on_status = [&](v1::JobState) {  // one every 200 ms, and a chunk each time
    clock_.Advance(Milliseconds(200));
    job.set_iteration(job.iteration() + 1);
    root_.AppendChunks("r", 1);
    root_.SetJob(job.iteration() == 10 ? JobOf("r", v1::JOB_STATE_DONE, 11) : job);
  };
  ASSERT_TRUE(Follow(0, Seconds(1)).ok());
  EXPECT_EQ(sink_.seqs.size(), 11u);
  // After 0.2 s, with the first status, and 1 s later; then at the end.
  EXPECT_LE(std::ranges::count_if(sink_.batches, [](int chunks) { return chunks > 0; }), 4);
}

TEST_F(RunFollowerTest, ARunThatIsForgottenWhileItIsFollowedIsStillGivenWhole) {
  root_.AppendChunks("r", 2);
  SetJob(JobOf("r", v1::JOB_STATE_RUNNING));
  Connect();
  sink_.on_chunk = [&](uint64_t seq) {
    if (seq != 0) return;
    root_.SetJob(JobOf("r", v1::JOB_STATE_DONE, 2));
    root_.RemoveJob("r");
    std::filesystem::remove(root_.folder().File("r.spool"));
  };
  ASSERT_TRUE(Follow(0).ok());
  EXPECT_THAT(sink_.seqs, ElementsAre(0, 1));
  EXPECT_EQ(sink_.states.back(), v1::JOB_STATE_DONE);
}

TEST_F(RunFollowerTest, ASpoolShorterThanPromisedIsDataLoss) {
  root_.AppendChunks("r", 2);
  SetJob(JobOf("r", v1::JOB_STATE_DONE, 3));
  Connect();
  EXPECT_EQ(Follow(0).code(), absl::StatusCode::kDataLoss);
}

TEST_F(RunFollowerTest, StopsWithTheFrontAndWithItsReader) {
  SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  Connect();
  sink_.on_status = [&](v1::JobState) { news_->Stop(); };
  EXPECT_EQ(Follow(0).code(), absl::StatusCode::kUnavailable);
  sink_.on_status = [&](v1::JobState) { sink_.gone = true; };
  EXPECT_EQ(Follow(0).code(), absl::StatusCode::kCancelled);
}

TEST_F(RunFollowerTest, EndsWhenTheRootSideIsLost) {
  SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  Connect();
  sink_.on_status = [&](v1::JobState) { root_.CutFront(); };
  EXPECT_EQ(Follow(0).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace synergy
