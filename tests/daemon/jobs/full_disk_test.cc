// What the queue does where its disk is full: refuses, leaves nothing half-written, keeps what is
// there, and goes on once there is room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/files.h"
#include "daemon/jobs/gone_runs.h"
#include "daemon/jobs/job_queue.h"
#include "fmt/format.h"
#include "tests/daemon/jobs/fake_executor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_file.h"
#include "tests/support/small_disk.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr size_t kPage = 4096;

class FullDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!disk_.mounted()) GTEST_SKIP() << "needs root to mount a small disk";
    options_.state_dir = disk_.path();
    options_.limits.engines = {{.name = "fake"}};
    options_.limits.can_measure = true;
    options_.limits.cpus = 1;
    options_.space.min_free_bytes = 0;  // so that it is the disk that refuses
    options_.boot_id = "boot";
    Restart();
  }
  void Restart() {
    queue_.reset();
    queue_ = JobQueue::Open(options_, executor_, clock_).value();
    queue_->SetListener(&news_);
  }
  absl::StatusOr<v1::JobStatus> Submit(const std::string& token, size_t net_bytes = 100) {
    v1::JobSpec spec;
    spec.set_net_name("net");
    spec.set_engine("fake");
    spec.set_iterations(1);
    spec.set_warmup(1);
    spec.set_threads(1);
    spec.set_batch(1);
    spec.set_token(token);
    return queue_->Submit(spec, MemoryFile(std::string(net_bytes, 'x')), MemoryFile("init"),
                          nullptr, ann_);
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(disk_.path())) {
      const std::string name = entry.path().lexically_relative(disk_.path());
      if (name != "filler" && name != "last_number") files.push_back(name);
    }
    std::ranges::sort(files);
    return files;
  }
  // Leaves so many whole pages free.
  void FillUpToPages(size_t pages) {
    disk_.Free();
    disk_.FillUpTo(pages * kPage);
  }

  SmallDisk disk_{4 << 20};
  FakeClock clock_;
  FakeExecutor executor_;
  NewsLog news_;
  JobQueueOptions options_;
  std::unique_ptr<JobQueue> queue_;
  const JobOwner ann_ = {"uid:1", "user ann", v1::ROLE_RUN};
};

TEST_F(FullDiskTest, ASubmissionIsTakenWholeOrRefusedWhereverTheDiskEnds) {
  const std::string first = Submit("first")->run_id();
  const std::vector<std::string> before = Files();
  size_t pages = 0, refused = 0;
  absl::StatusOr<v1::JobStatus> job = absl::UnknownError("");
  for (; !job.ok(); ++pages) {
    ASSERT_LT(pages, 100u);
    FillUpToPages(pages);
    job = Submit("second", 3 * kPage);
    if (job.ok()) break;
    ++refused;
    EXPECT_EQ(job.status().code(), absl::StatusCode::kResourceExhausted) << job.status();
    EXPECT_THAT(job.status().ToString(),
                AllOf(HasSubstr(disk_.path()),
                      testing::AnyOf(HasSubstr("free"), HasSubstr("No space left"))));
    EXPECT_EQ(Files(), before) << pages << " pages free";
    EXPECT_EQ(queue_->List().size(), 1u);
    Restart();  // a daemon of then knows the same
    EXPECT_EQ(queue_->List().size(), 1u);
  }
  EXPECT_GE(refused, 3u) << "the disk ended in the middle of it";
  EXPECT_EQ(Submit("second")->run_id(), job->run_id()) << "the token that was refused before";
  disk_.Free();
  const std::string third = Submit("third")->run_id();
  Restart();
  for (int i = 0; i < 3; ++i) executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  for (const std::string& run_id : {first, job->run_id(), third}) {
    news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  }
}

TEST_F(FullDiskTest, AJobWhoseTurnComesFailsWithTheReasonAndTheNextOnesRun) {
  const std::string failed = Submit("a")->run_id();
  disk_.FillUpTo(0);
  queue_->Start();
  EXPECT_THAT(news_.WaitForEnd(failed).error(), HasSubstr("No space left"));
  EXPECT_TRUE(executor_.WaitForStarts(0).empty());
  disk_.Free();
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(Submit("b")->run_id(), v1::JOB_STATE_DONE);
  queue_->Stop();
  Restart();
  EXPECT_EQ(queue_->Get(failed)->state(), v1::JOB_STATE_FAILED) << "and is not run after all";
  EXPECT_EQ(queue_->Get(failed)->chunks(), 1u) << "its records say why, and can be fetched";
}

// Came back after a restart, and ran.
TEST_F(FullDiskTest, AJobThatWasCancelledStaysSoAsSoonAsThatCanBeNoted) {
  const std::string cancelled = Submit("a")->run_id();
  disk_.FillUpTo(0);
  EXPECT_EQ(queue_->Cancel(cancelled, ann_)->state(), v1::JOB_STATE_CANCELLED);
  disk_.Free();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(Submit("b")->run_id(), v1::JOB_STATE_DONE);
  queue_->Stop();
  Restart();
  EXPECT_EQ(queue_->Get(cancelled)->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(queue_->Get(cancelled)->chunks(), 1u);
}

TEST_F(FullDiskTest, ALeaseThatARestartWouldForgetIsNotGiven) {
  ASSERT_TRUE(queue_->TakeLease("old", 60, ann_)->held());
  FillUpToPages(0);
  const absl::Status refused = queue_->TakeLease("new", 60, ann_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_EQ(queue_->Describe().leases_size(), 1);
  EXPECT_TRUE(queue_->TakeLease("old", 60, ann_)->held()) << "that it stands is still told";
  Restart();
  ASSERT_EQ(queue_->Describe().leases_size(), 1);
  EXPECT_EQ(queue_->Describe().leases(0).id(), "old");
  EXPECT_TRUE(queue_->ReleaseLease("old", ann_).ok()) << "giving back is always good";
  disk_.Free();
  EXPECT_TRUE(queue_->TakeLease("new", 60, ann_)->held());
}

TEST_F(FullDiskTest, WhatCouldNotBeNotedAsEvictedIsNot) {
  const std::string path = disk_.path() + "/gone.pb";
  GoneRuns gone(path);
  v1::StoredJob job;
  job.set_owner_id("uid:1");
  job.mutable_status()->set_run_id("r1");
  job.mutable_status()->mutable_spec()->set_token("t1");
  ASSERT_TRUE(gone.Add(job, true, 10, false).ok());
  job.mutable_status()->set_run_id("r2");
  job.mutable_status()->mutable_spec()->set_token("t2");
  disk_.FillUpTo(0);
  EXPECT_EQ(gone.Add(job, true, 10, false).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(gone.Evicted().size(), 1u);
  EXPECT_FALSE(gone.Find("uid:1", "t2").has_value()) << "the run is still there, under its token";
  EXPECT_EQ(GoneRuns(path).Evicted().size(), 1u);
  EXPECT_FALSE(ReadFile(path + ".new", 1000).ok());
  disk_.Free();
  EXPECT_TRUE(gone.Add(job, true, 10, false).ok());
  EXPECT_EQ(GoneRuns(path).Find("uid:1", "t2"), "r2");
}

// It is deleted whether that can be noted or not: its token keeps for as long as the daemon runs.
TEST_F(FullDiskTest, AnAcknowledgedRunMakesRoomAndItsTokenDoesNotRunAgain) {
  const std::string run_id = Submit("a", 20 * kPage)->run_id();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  disk_.FillUpTo(0);
  ASSERT_TRUE(queue_->Acknowledge(run_id, 2, ann_).ok());
  EXPECT_THAT(queue_->List(), IsEmpty());
  EXPECT_EQ(Submit("a").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Submit("b").ok()) << "in the room that it has left";
}

TEST_F(FullDiskTest, AQuotaThatCannotBeKeptIsNotSet) {
  v1::SetQuotasRequest request;
  request.mutable_set()->set_jobs_per_client(1);
  disk_.FillUpTo(0);
  EXPECT_EQ(queue_->SetQuotas(request).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(queue_->quotas().limits().jobs_per_client(), 64u);
  disk_.Free();
  EXPECT_TRUE(queue_->SetQuotas(request).ok());
}

}  // namespace
}  // namespace synergy
