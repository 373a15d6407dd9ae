#include "daemon/jobs/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "common/files.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/sha256.h"
#include "daemon/jobs/run_folder.h"
#include "daemon/sampling/spool.h"
#include "fmt/format.h"
#include "tests/daemon/jobs/fake_executor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_file.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

namespace {

std::mutex synced_mutex;
std::vector<std::string> synced;  // names of what was made durable, without their folders

}  // namespace

// In place of the C library's: does the same, and remembers.
extern "C" int fsync(int fd) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), error);
  {
    const std::lock_guard lock(synced_mutex);
    synced.push_back(path.filename());
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class JobQueueTest : public testing::Test {
 protected:
  JobQueueTest() {
    options_.state_dir = folder_.path();
    options_.limits.engines = {{.name = "fake"}};
    options_.limits.can_measure = true;
    options_.limits.cpus = 1;
    options_.space.min_free_bytes = 0;
    options_.board.set_name("sim:test");
    Restart();
  }

  // A daemon that comes back: reads what the one before left.
  void Restart() {
    queue_.reset();
    auto queue = JobQueue::Open(options_, executor_, clock_);
    ASSERT_TRUE(queue.ok()) << queue.status();
    queue_ = std::move(*queue);
    queue_->SetListener(&news_);
  }

  absl::StatusOr<v1::JobStatus> TrySubmit(std::string_view net = "predict net",
                                          std::string_view init = "init net") {
    return queue_->Submit(Spec(), MemoryFile(net), MemoryFile(init));
  }
  static v1::JobSpec Spec() {
    v1::JobSpec spec;
    spec.set_net_name("net");
    spec.set_engine("fake");
    spec.set_iterations(1);
    spec.set_warmup(1);
    spec.set_threads(1);
    spec.set_batch(1);
    return spec;
  }
  std::string Submit(const v1::ObjectRef& weights, const v1::ObjectRef& values) {
    v1::JobSpec spec = Spec();
    *spec.mutable_weights() = weights;
    *spec.mutable_input_values() = values;
    auto job = queue_->Submit(spec, MemoryFile("net"), MemoryFile(""));
    EXPECT_TRUE(job.ok()) << job.status();
    return job->run_id();
  }
  std::string Submit() {
    auto job = TrySubmit();
    EXPECT_TRUE(job.ok()) << job.status();
    return job->run_id();
  }
  v1::JobStatus Get(const std::string& run_id) {
    auto status = queue_->Get(run_id);
    EXPECT_TRUE(status.ok()) << status.status();
    return *status;
  }
  RunFolder Folder(const std::string& run_id) {
    return RunFolder{folder_.path() + "/runs/" + run_id};
  }
  // All run records of the spool.
  std::vector<v1::RunRecord> Records(const std::string& run_id) {
    auto fd = queue_->OpenRun(run_id);
    EXPECT_TRUE(fd.ok()) << fd.status();
    SpoolReader reader(*std::move(fd));
    std::vector<v1::RunRecord> all;
    for (v1::Chunk chunk; reader.Next(&chunk).value();) {
      EXPECT_TRUE(VerifyChunkUntrusted(chunk).ok());
      if (chunk.channel() != kRunRecordsChannel) continue;
      EXPECT_EQ(chunk.first_sequence(), all.size());
      const auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
      EXPECT_TRUE(records.ok()) << records.status();
      all.insert(all.end(), records->begin(), records->end());
    }
    return all;
  }
  // What is on the disk while the job `run_id` runs, for a daemon that dies now.
  std::string CopyOfState() {
    const std::string copy = copy_.File("state");
    std::filesystem::copy(folder_.path(), copy, std::filesystem::copy_options::recursive);
    return copy;
  }

  TempFolder folder_;
  TempFolder copy_;
  FakeClock clock_;
  FakeExecutor executor_;
  NewsLog news_;
  JobQueueOptions options_;
  std::unique_ptr<JobQueue> queue_;
};

TEST_F(JobQueueTest, KeepsASubmittedJobWithItsNets) {
  const std::string run_id = Submit();
  EXPECT_EQ(ReadFile(Folder(run_id).PredictNet(), 100).value(), "predict net");
  EXPECT_EQ(ReadFile(Folder(run_id).InitNet(), 100).value(), "init net");
  EXPECT_EQ(Get(run_id).state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(Get(run_id).queue_position(), 1u);
  EXPECT_GT(Get(run_id).submitted_unix_ns(), 0);
}

TEST_F(JobQueueTest, KeepsNothingOfASpecThatNobodyValidated) {
  v1::JobSpec spec = TrySubmit()->spec();
  std::string bytes = spec.SerializeAsString();
  bytes += "\x9a\x3f\x04junk";  // field 1011
  ASSERT_TRUE(spec.ParseFromString(bytes));
  ASSERT_EQ(spec.ByteSizeLong(), bytes.size());
  const auto job = queue_->Submit(spec, MemoryFile("net"), MemoryFile(""));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_LT(job->spec().ByteSizeLong(), bytes.size());
}

TEST_F(JobQueueTest, RunsOneAtATimeInTheOrderOfSubmission) {
  const std::vector<std::string> ids = {Submit(), Submit(), Submit()};
  EXPECT_EQ(Get(ids[2]).queue_position(), 3u);
  queue_->Start();
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(executor_.WaitForStarts(i + 1).size(), i + 1) << "one at a time";
    EXPECT_EQ(Get(ids[i]).state(), v1::JOB_STATE_RUNNING);
    if (i + 1 < ids.size()) {
      EXPECT_EQ(Get(ids[i + 1]).queue_position(), 1u);
    }
    executor_.Finish(v1::JOB_STATE_DONE);
    EXPECT_EQ(news_.WaitFor(ids[i], v1::JOB_STATE_DONE).chunks(), 2u);
  }
  EXPECT_EQ(executor_.WaitForStarts(3), ids);
}

TEST_F(JobQueueTest, ReportsTheProgressOfTheRunningJob) {
  const std::string run_id = Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  const v1::JobStatus status = Get(run_id);
  EXPECT_EQ(status.phase(), v1::PHASE_MEASURE);
  EXPECT_EQ(status.iteration(), 3u);
  EXPECT_EQ(status.power_w(), 2.5);
  EXPECT_EQ(status.chunks(), 1u);
}

TEST_F(JobQueueTest, AFailedJobDoesNotStopTheNext) {
  const std::string bad = Submit();
  const std::string good = Submit();
  executor_.Finish(v1::JOB_STATE_FAILED, "the engine crashed");
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  EXPECT_EQ(news_.WaitFor(bad, v1::JOB_STATE_FAILED).error(), "the engine crashed");
  news_.WaitFor(good, v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, AnEndlessErrorIsCutBetweenCharacters) {
  const std::string run_id = Submit();
  std::string error = "x";
  for (int i = 0; i < 50'000; ++i) error += "\xc3\xa9";
  executor_.Finish(v1::JOB_STATE_FAILED, error);
  queue_->Start();
  EXPECT_EQ(news_.WaitFor(run_id, v1::JOB_STATE_FAILED).error(), error.substr(0, 2047));
}

TEST_F(JobQueueTest, WaitingJobsSurviveARestartInOrder) {
  const std::vector<std::string> ids = {Submit(), Submit()};
  Restart();
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(ids[1], v1::JOB_STATE_DONE);
  EXPECT_EQ(executor_.WaitForStarts(2), ids);
}

// What is not synced a power cut takes away.
TEST_F(JobQueueTest, AJobIsOnTheDiskBeforeItIsAnsweredAlsoWhileAnotherRuns) {
  Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  {
    const std::lock_guard lock(synced_mutex);
    synced.clear();
  }
  Submit();
  {
    const std::lock_guard lock(synced_mutex);
    for (const char* name : {"predict_net.pb", "init_net.pb", "job.pb", "runs"}) {
      EXPECT_THAT(synced, Contains(StartsWith(name)));
    }
    EXPECT_THAT(synced, Contains(StartsWith(".new-"))) << "the folder that has the names";
  }
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, QuotasAreOnTheDiskBeforeTheyAreAnsweredAlsoWhileAJobRuns) {
  Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  {
    const std::lock_guard lock(synced_mutex);
    synced.clear();
  }
  v1::SetQuotasRequest request;
  request.mutable_set()->set_jobs_per_client(3);
  ASSERT_TRUE(queue_->SetQuotas(request).ok());
  {
    const std::lock_guard lock(synced_mutex);
    EXPECT_THAT(synced, Contains(StartsWith("quotas.pb")));
  }
  executor_.Finish(v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, AJobThatRanWhenTheDaemonDiedIsClosedAsFailed) {
  const std::string run_id = Submit();
  const std::string waiting = Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  options_.state_dir = CopyOfState();
  executor_.Finish(v1::JOB_STATE_DONE);
  // A frame that was being written when the daemon died.
  const std::string spool = options_.state_dir + "/runs/" + run_id + "/records.spool";
  const std::string whole = ReadFile(spool, 10000).value();
  ASSERT_TRUE(ReplaceFile(spool, whole + whole.substr(0, whole.size() - 1), Sync::kNo).ok());
  Restart();
  const v1::JobStatus status = Get(run_id);
  EXPECT_EQ(status.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(status.error(), "the daemon stopped while this job ran");
  EXPECT_EQ(status.chunks(), 2u);
  const auto records = Records(run_id);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_TRUE(records[0].has_header());
  EXPECT_EQ(records[1].end().state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(records[1].end().verdict(), v1::VERDICT_INVALID);
  EXPECT_EQ(Get(waiting).queue_position(), 1u);
}

TEST_F(JobQueueTest, OnlyWhatADeadDaemonLeftRunningIsInterruptedAndItIsNotRunAgain) {
  const std::string ran = Submit();
  const std::string waiting = Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  options_.state_dir = CopyOfState();
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Stop();
  Restart();
  EXPECT_TRUE(Get(ran).interrupted());
  EXPECT_TRUE(Records(ran).back().end().interrupted());
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  EXPECT_FALSE(news_.WaitFor(waiting, v1::JOB_STATE_DONE).interrupted());
  const auto starts = executor_.WaitForStarts(2);
  EXPECT_EQ(std::ranges::count(starts, ran), 1);
}

TEST_F(JobQueueTest, ATokenRunsOnceAlsoAfterItsRunIsGoneAndAfterARestart) {
  v1::JobSpec spec = Spec();
  spec.set_token("abc-1");
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(spec, MemoryFile("net"), MemoryFile(""), nullptr, by);
  };
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  const std::string run_id = submit(ann)->run_id();
  EXPECT_EQ(submit(ann)->run_id(), run_id);
  EXPECT_NE(submit(bob)->run_id(), run_id) << "another client's token is another one";
  Restart();
  EXPECT_EQ(submit(ann)->run_id(), run_id);
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  EXPECT_EQ(submit(ann)->state(), v1::JOB_STATE_DONE);
  ASSERT_TRUE(queue_->Acknowledge(run_id, 2, ann).ok());
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto again = submit(ann);
    EXPECT_EQ(again.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(again.status().ToString(), HasSubstr(run_id));
    Restart();
  }
}

TEST_F(JobQueueTest, ClientsTakeTurnsAndPrioritiesComeBefore) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  const auto submit = [&](const JobOwner& by, int priority) {
    v1::JobSpec spec = Spec();
    spec.set_priority(priority);
    return queue_->Submit(spec, MemoryFile("net"), MemoryFile(""), nullptr, by)->run_id();
  };
  const std::string a1 = submit(ann, 0), a2 = submit(ann, 0), a3 = submit(ann, 0);
  const std::string low = submit(bob, -1), b1 = submit(bob, 0);
  const std::string urgent = submit({"", "", v1::ROLE_ADMIN}, 5);
  const std::vector<std::string> order = {urgent, a1, b1, a2, a3, low};
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(Get(order[i]).queue_position(), i + 1);
  for (size_t i = 0; i < order.size(); ++i) executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  EXPECT_EQ(executor_.WaitForStarts(order.size()), order);
}

TEST_F(JobQueueTest, OnlyAdminsJumpTheQueueAndTouchOthersJobs) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  v1::JobSpec spec = Spec();
  spec.set_priority(1);
  EXPECT_EQ(queue_->Submit(spec, MemoryFile("net"), MemoryFile(""), nullptr, ann).status().code(),
            absl::StatusCode::kPermissionDenied);
  spec.set_priority(0);
  const auto job = queue_->Submit(spec, MemoryFile("net"), MemoryFile(""), nullptr, ann);
  EXPECT_EQ(job->owner(), "user ann");
  const auto refused = queue_->Cancel(job->run_id(), bob).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(refused.ToString(), HasSubstr("admin"));
  EXPECT_EQ(queue_->Acknowledge(job->run_id(), 1, bob).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(queue_->Cancel(job->run_id(), ann).ok());
}

TEST_F(JobQueueTest, OneClientCannotFillTheQueue) {
  options_.capacity_per_client = 2;
  options_.capacity = 3;
  Restart();
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, by).status().code();
  };
  EXPECT_EQ(submit(ann), absl::StatusCode::kOk);
  EXPECT_EQ(submit(ann), absl::StatusCode::kOk);
  EXPECT_EQ(submit(ann), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(submit(bob), absl::StatusCode::kOk);
  EXPECT_EQ(submit(bob), absl::StatusCode::kResourceExhausted) << "the queue as a whole is full";
}

TEST_F(JobQueueTest, TheOldestEndedRunsAreEvictedBeyondTheQuotaAndThatIsKnown) {
  options_.records_quota_bytes = 1;  // the last one stays whatever it takes
  std::vector<std::string> evicted;
  options_.on_evicted = [&](const v1::JobStatus& job) { evicted.push_back(job.run_id()); };
  Restart();
  const std::string first = Submit(), second = Submit();
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(second, v1::JOB_STATE_DONE);
  queue_->Stop();
  EXPECT_THAT(news_.removed(), ElementsAre(first));
  EXPECT_THAT(evicted, ElementsAre(first));
  EXPECT_FALSE(std::filesystem::exists(Folder(first).path));
  EXPECT_EQ(Get(second).state(), v1::JOB_STATE_DONE);
  Restart();
  const v1::QueueState state = queue_->Describe();
  ASSERT_EQ(state.evicted_size(), 1);
  EXPECT_EQ(state.evicted(0).run_id(), first);
  EXPECT_EQ(state.evicted(0).chunks(), 2u);
  EXPECT_EQ(state.evicted(0).acknowledged(), 0u);
  EXPECT_GT(state.evicted(0).bytes(), 0u);
}

TEST_F(JobQueueTest, OfARunThatIsGoneItIsSaidWhatBecameOfIt) {
  options_.records_quota_bytes = 1;
  Restart();
  const std::string first = Submit(), second = Submit();
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(second, v1::JOB_STATE_DONE);
  queue_->Stop();
  ASSERT_TRUE(queue_->Acknowledge(second, 2).ok());
  Restart();
  const auto evicted =
      AllOf(HasSubstr(first), HasSubstr("evicted at 20"), HasSubstr("Z by the quota"),
            HasSubstr("0 of 2 chunks had been acknowledged"));
  for (const absl::Status& status :
       {queue_->Get(first).status(), queue_->Cancel(first).status(), queue_->Acknowledge(first, 1),
        queue_->OpenRun(first).status(), queue_->OpenTruth(first).status(),
        queue_->OpenOutputs(first).status(), queue_->OpenLog(first).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(status.ToString(), evicted);
  }
  EXPECT_THAT(queue_->Get(second).status().ToString(),
              HasSubstr("all its records were acknowledged"));
  EXPECT_THAT(queue_->Get("other").status().ToString(), HasSubstr("There is no run 'other'"));
}

TEST_F(JobQueueTest, ALeaseKeepsOthersJobsWaitingUntilItsEnd) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, by)->run_id();
  };
  const std::string bobs = submit(bob);
  EXPECT_TRUE(queue_->TakeLease("l1", 60, ann)->held());
  EXPECT_EQ(Get(bobs).waits_for(), "the lease of user ann");
  EXPECT_EQ(queue_->GrantClocks(bob).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(queue_->GrantClocks(ann).ok());
  EXPECT_FALSE(queue_->TakeLease("l2", 60, bob)->held());
  Restart();
  EXPECT_EQ(Get(bobs).waits_for(), "the lease of user ann") << "a restart ends no lease";
  const std::string anns = submit(ann);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(anns, v1::JOB_STATE_DONE);
  EXPECT_EQ(Get(bobs).state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(queue_->ReleaseLease("l1", bob).code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(queue_->ReleaseLease("l1", ann).ok());
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(bobs, v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, ALeaseBeginsWhenTheRunningJobOfAnotherHasEndedAndEndsByItself) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, by)->run_id();
  };
  const std::string running = submit(bob), waiting = submit(bob);
  queue_->Start();
  executor_.WaitForStarts(1);
  const auto lease = queue_->TakeLease("l1", 60, ann);
  EXPECT_FALSE(lease->held());
  EXPECT_EQ(lease->waits_for(), "the end of the running job");
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(running, v1::JOB_STATE_DONE);
  EXPECT_TRUE(queue_->TakeLease("l1", 60, ann)->held());
  EXPECT_EQ(Get(waiting).state(), v1::JOB_STATE_QUEUED);
  clock_.Advance(Seconds(61));
  EXPECT_EQ(queue_->Describe().leases_size(), 0);
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(waiting, v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, WhoHoldsTheClocksKeepsOthersJobsWaitingAndNotHisOwn) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, by)->run_id();
  };
  auto grant = queue_->GrantClocks(ann);
  ASSERT_TRUE(grant.ok()) << grant.status();
  const std::string bobs = submit(bob), anns = submit(ann);
  EXPECT_EQ(Get(bobs).waits_for(), "the clocks of user ann");
  EXPECT_EQ(Get(anns).waits_for(), "");
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(anns, v1::JOB_STATE_DONE);
  EXPECT_EQ(Get(bobs).state(), v1::JOB_STATE_QUEUED);
  grant->reset();
  EXPECT_EQ(Get(bobs).waits_for(), "");
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(bobs, v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, ALeaseWaitsForTheClocksOfAnotherAndNotForItsOwn) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  auto grant = queue_->GrantClocks(ann);
  ASSERT_TRUE(grant.ok()) << grant.status();
  const auto bobs = queue_->TakeLease("l1", 60, bob);
  ASSERT_TRUE(bobs.ok()) << bobs.status();
  EXPECT_FALSE(bobs->held()) << "he would measure at ann's clocks";
  EXPECT_EQ(bobs->waits_for(), "the clocks of user ann");
  EXPECT_EQ(queue_->GrantClocks(ann).status().code(), absl::StatusCode::kFailedPrecondition)
      << "he is next";
  const std::string anns =
      queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, ann)->run_id();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(anns, v1::JOB_STATE_DONE);  // she may hold them until it has ended
  EXPECT_FALSE(queue_->TakeLease("l1", 60, bob)->held());
  grant->reset();
  EXPECT_TRUE(queue_->TakeLease("l1", 60, bob)->held());
  ASSERT_TRUE(queue_->ReleaseLease("l1", bob).ok());
  grant = queue_->GrantClocks(ann);
  EXPECT_TRUE(queue_->TakeLease("l2", 60, ann)->held());
}

TEST_F(JobQueueTest, UnderAnothersRunningJobOnlyAnAdminGetsTheClocks) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN}, root = {"uid:0", "user root"};
  const std::string run_id =
      queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, ann)->run_id();
  EXPECT_TRUE(queue_->GrantClocks(bob).ok()) << "it only waits";
  queue_->Start();
  executor_.WaitForStarts(1);
  const absl::Status refused = queue_->GrantClocks(bob).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.ToString(), HasSubstr("runs a job of user ann"));
  EXPECT_TRUE(queue_->GrantClocks(ann).ok());
  EXPECT_TRUE(queue_->GrantClocks(root).ok());
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  EXPECT_TRUE(queue_->GrantClocks(bob).ok());
}

TEST_F(JobQueueTest, OfAClientWhoMayNotComeAnyMoreNothingIsLeft) {
  const JobOwner ann = {"c1", "ann@laptop", v1::ROLE_RUN}, bob = {"c2", "bob@ci", v1::ROLE_RUN};
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, by)->run_id();
  };
  EXPECT_TRUE(queue_->TakeLease("l1", 3600, ann)->held());
  const std::string running = submit(ann), waiting = submit(ann), bobs = submit(bob);
  queue_->Start();
  executor_.WaitForStarts(1);
  queue_->EndAllOf("c1");
  EXPECT_EQ(queue_->Describe().leases_size(), 0);
  EXPECT_EQ(Get(waiting).state(), v1::JOB_STATE_CANCELLED);
  news_.WaitFor(running, v1::JOB_STATE_CANCELLED);
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(bobs, v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, OwnersAreToldApartByTheirIds) {
  const JobOwner one = {"c1", "root@vm", v1::ROLE_RUN}, other = {"c2", "root@vm", v1::ROLE_RUN};
  const auto job = queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, one);
  EXPECT_FALSE(queue_->IsOthers(job->run_id(), one));
  EXPECT_TRUE(queue_->IsOthers(job->run_id(), other));
  EXPECT_FALSE(queue_->IsOthers("gone", other));
}

TEST_F(JobQueueTest, WhoIsRevokedWhileItsJobIsTakenQueuesNothing) {
  const JobOwner ann = {"c1", "ann@laptop", v1::ROLE_RUN}, bob = {"c2", "bob@ci", v1::ROLE_RUN};
  options_.may_own = [](const std::string& owner_id) { return owner_id != "c1"; };
  Restart();
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, by).status();
  };
  EXPECT_EQ(submit(ann).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(queue_->TakeLease("l1", 60, ann).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(queue_->GrantClocks(ann).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(queue_->List().size(), 0u);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.File("runs")));
  EXPECT_TRUE(submit(bob).ok());
  EXPECT_EQ(queue_->List().size(), 1u);
}

TEST_F(JobQueueTest, ALeaseThatWaitsAndIsNotAskedForIsForgotten) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  ASSERT_TRUE(queue_->TakeLease("l1", 60, ann)->held());
  ASSERT_FALSE(queue_->TakeLease("l2", 60, bob)->held());
  clock_.Advance(Seconds(11));
  EXPECT_EQ(queue_->Describe().leases_size(), 1);
  EXPECT_EQ(queue_->TakeLease("l2", -1, bob).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(queue_->TakeLease("l;", 60, bob).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(JobQueueTest, ALeaseWhoseWaiterHasDiedWhenItBeginsIsForgotten) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  const auto submit = [&](const JobOwner& by) {
    return queue_->Submit(Spec(), MemoryFile("net"), MemoryFile(""), nullptr, by)->run_id();
  };
  const std::string running = submit(bob), waiting = submit(bob);
  queue_->Start();
  executor_.WaitForStarts(1);
  ASSERT_FALSE(queue_->TakeLease("dead", 24 * 3600, ann)->held());
  ASSERT_FALSE(queue_->TakeLease("alive", 60, ann)->held());
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitFor(running, v1::JOB_STATE_DONE);
  ASSERT_TRUE(queue_->Describe().leases(0).held());
  queue_->Stop();
  Restart();
  clock_.Advance(Seconds(6));
  EXPECT_FALSE(queue_->TakeLease("alive", 60, ann)->held());
  clock_.Advance(Seconds(6));
  EXPECT_TRUE(queue_->TakeLease("alive", 60, ann)->held()) << "nobody has claimed the other one";
  clock_.Advance(Seconds(30));
  EXPECT_EQ(queue_->Describe().leases_size(), 1) << "this one was claimed";
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  EXPECT_EQ(Get(waiting).state(), v1::JOB_STATE_QUEUED);
  clock_.Advance(Seconds(31));
  EXPECT_EQ(queue_->Describe().leases_size(), 0);
  news_.WaitFor(waiting, v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, OneClientsLeasesLeaveRoomForOthers) {
  const JobOwner ann = {"uid:1", "user ann", v1::ROLE_RUN},
                 bob = {"uid:2", "user bob", v1::ROLE_RUN};
  for (size_t i = 0; i < LeaseBook::kMaxLeasesOfOne; ++i) {
    ASSERT_TRUE(queue_->TakeLease(fmt::format("l{}", i), 60, ann).ok());
  }
  EXPECT_EQ(queue_->TakeLease("more", 60, ann).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(queue_->TakeLease("l1", 60, ann).ok()) << "one that is there";
  EXPECT_TRUE(queue_->TakeLease("bobs", 60, bob).ok());
}

TEST_F(JobQueueTest, SeveralClientsThatTakeAllTheyCanLeaveLeasesToOthers) {
  const size_t greedy = LeaseBook::kMaxLeases / LeaseBook::kMaxLeasesOfOne + 1;
  size_t taken = 0;
  for (size_t i = 0; i < greedy; ++i) {
    const JobOwner by = {fmt::format("uid:{}", i), "user", v1::ROLE_RUN};
    while (queue_->TakeLease(fmt::format("l{}", taken), 60, by).ok()) ++taken;
  }
  EXPECT_LT(taken, LeaseBook::kMaxLeases);
  const JobOwner another = {"uid:100", "user", v1::ROLE_RUN};
  EXPECT_TRUE(queue_->TakeLease("another", 60, another).ok());
}

TEST_F(JobQueueTest, ADaemonThatDiedBetweenTheEndAndItsNoteTakesTheEndOver) {
  const std::string run_id = Submit();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  queue_.reset();
  const std::string path = Folder(run_id).Job();
  v1::StoredJob job;
  ASSERT_TRUE(job.ParseFromString(ReadFile(path, 10000).value()));
  job.mutable_status()->set_state(v1::JOB_STATE_RUNNING);
  ASSERT_TRUE(ReplaceFile(path, job.SerializeAsString(), Sync::kNo).ok());
  Restart();
  EXPECT_EQ(Get(run_id).state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(Get(run_id).chunks(), 2u);
}

TEST_F(JobQueueTest, ARunThatDiedBeforeItsSpoolGetsHeaderAndEnd) {
  const std::string run_id = Submit();
  queue_.reset();
  const std::string path = Folder(run_id).Job();
  v1::StoredJob job;
  ASSERT_TRUE(job.ParseFromString(ReadFile(path, 10000).value()));
  job.mutable_status()->set_state(v1::JOB_STATE_RUNNING);
  ASSERT_TRUE(ReplaceFile(path, job.SerializeAsString(), Sync::kNo).ok());
  Restart();
  const auto records = Records(run_id);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].header().run_id(), run_id);
  EXPECT_EQ(records[0].header().board().name(), "sim:test");
  EXPECT_EQ(records[1].end().error(), "the daemon stopped while this job ran");
}

TEST_F(JobQueueTest, EndedRunsAreKeptUntilAllIsAcknowledged) {
  const std::string run_id = Submit();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  ASSERT_TRUE(queue_->Acknowledge(run_id, 1).ok());
  EXPECT_EQ(Get(run_id).acknowledged(), 1u);
  Restart();
  EXPECT_EQ(Get(run_id).acknowledged(), 1u);
  EXPECT_THAT(news_.removed(), IsEmpty());
  ASSERT_TRUE(queue_->Acknowledge(run_id, 2).ok());
  EXPECT_THAT(news_.removed(), ElementsAre(run_id));
  EXPECT_FALSE(std::filesystem::exists(Folder(run_id).path));
  EXPECT_EQ(queue_->Get(run_id).status().code(), absl::StatusCode::kNotFound);
  Restart();
  EXPECT_TRUE(queue_->List().empty());
}

TEST_F(JobQueueTest, AHostThatHasMoreOfARunThanTheDeviceEndsIt) {
  const std::string run_id = Submit();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  ASSERT_TRUE(queue_->Acknowledge(run_id, 3).ok());  // it has 2: a crash took the last
  EXPECT_THAT(news_.removed(), ElementsAre(run_id));
  EXPECT_FALSE(std::filesystem::exists(Folder(run_id).path));
}

TEST_F(JobQueueTest, ACopyEndsWhenItsFrontIsGone) {
  const v1::JobSpec spec = TrySubmit()->spec();
  const std::atomic<bool> stop = true;
  const auto job = queue_->Submit(spec, MemoryFile("net"), MemoryFile(""), &stop);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(queue_->List().size(), 1u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path() + "/runs"), {}), 1)
      << "nothing half made stays";
}

TEST_F(JobQueueTest, ARunningJobMayBeAcknowledgedAheadOfItsProgressReport) {
  const std::string run_id = Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  ASSERT_TRUE(queue_->Acknowledge(run_id, 50).ok());
  executor_.Finish(v1::JOB_STATE_DONE);
  EXPECT_EQ(news_.WaitFor(run_id, v1::JOB_STATE_DONE).acknowledged(), 2u)
      << "no more than there are";
}

TEST_F(JobQueueTest, ADescriptorOutlivesTheDeletionOfItsRun) {
  const std::string run_id = Submit();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(run_id, v1::JOB_STATE_DONE);
  auto fd = queue_->OpenRun(run_id);
  ASSERT_TRUE(fd.ok());
  ASSERT_TRUE(queue_->Acknowledge(run_id, 2).ok());
  SpoolReader reader(*std::move(fd));
  v1::Chunk chunk;
  EXPECT_TRUE(reader.Next(&chunk).value());
}

TEST_F(JobQueueTest, AWaitingJobThatIsCancelledEndsAtOnceWithARecord) {
  const std::string first = Submit();
  const std::string second = Submit();
  const std::string third = Submit();
  const auto cancelled = queue_->Cancel(second);
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(cancelled->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Get(third).queue_position(), 2u);
  EXPECT_EQ(Records(second).back().end().state(), v1::JOB_STATE_CANCELLED);
  Restart();
  EXPECT_EQ(Get(second).state(), v1::JOB_STATE_CANCELLED);
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(third, v1::JOB_STATE_DONE);
  EXPECT_THAT(executor_.WaitForStarts(2), ElementsAre(first, third));
}

TEST_F(JobQueueTest, ARunningJobThatIsCancelledEndsAsCancelled) {
  const std::string run_id = Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  EXPECT_EQ(queue_->Cancel(run_id)->state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(news_.WaitFor(run_id, v1::JOB_STATE_CANCELLED).error(), "cancelled on request");
  EXPECT_EQ(queue_->Cancel(run_id)->state(), v1::JOB_STATE_CANCELLED) << "again is harmless";
}

TEST_F(JobQueueTest, StopCancelsTheRunningJobAndKeepsTheOthers) {
  const std::string running = Submit();
  const std::string waiting = Submit();
  queue_->Start();
  executor_.WaitForStarts(1);
  queue_->Stop();
  EXPECT_EQ(Get(running).state(), v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(Get(running).error(), HasSubstr("daemon was stopped"));
  Restart();
  EXPECT_EQ(Get(running).state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Get(waiting).state(), v1::JOB_STATE_QUEUED);
}

TEST_F(JobQueueTest, RefusesTheSixtyFifthWaitingJob) {
  for (int i = 0; i < 64; ++i) Submit();
  const auto refused = TrySubmit();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.status().ToString(), HasSubstr("64 jobs wait"));
  ASSERT_TRUE(queue_->Cancel(queue_->List().front().run_id()).ok());
  EXPECT_TRUE(TrySubmit().ok());
}

TEST_F(JobQueueTest, RefusesNetsThatAreTooLongEmptyOrNoFiles) {
  options_.space.max_net_bytes = 20;
  Restart();
  EXPECT_EQ(TrySubmit(std::string(21, 'x')).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(TrySubmit("net", std::string(21, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(TrySubmit("").status().code(), absl::StatusCode::kInvalidArgument);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  v1::JobSpec spec = TrySubmit()->spec();
  EXPECT_EQ(queue_->Submit(spec, reading, MemoryFile("")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(queue_->List().size(), 1u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path() + "/runs"), {}), 1)
      << "nothing half made stays";
}

TEST_F(JobQueueTest, RefusesAJobWhereTheDiskIsTooFull) {
  options_.space.min_free_bytes = uint64_t{1} << 60;
  Restart();
  const auto refused = TrySubmit();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.status().ToString(), HasSubstr("Not enough space left in " + folder_.path()));
}

TEST(JobQueueOnASmallDisk, NetsThatWaitTakeHalfOfItAtMost) {
  SmallDisk disk(8 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs root to mount a small disk";
  FakeClock clock;
  FakeExecutor executor;
  JobQueueOptions options;
  options.state_dir = disk.path();
  options.limits.engines = {{.name = "fake"}};
  options.limits.can_measure = true;
  options.space.min_free_bytes = 0;
  const auto queue = JobQueue::Open(options, executor, clock).value();
  v1::JobSpec spec;
  spec.set_net_name("net");
  spec.set_engine("fake");
  spec.set_iterations(1);
  spec.set_warmup(1);
  spec.set_threads(1);
  spec.set_batch(1);
  const UniqueFd net = MemoryFile(std::string(3 << 20, 'x'));
  ASSERT_TRUE(queue->Submit(spec, net, MemoryFile("")).ok());
  const absl::Status refused = queue->Submit(spec, net, MemoryFile("")).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.ToString(), HasSubstr("may take half"));
  EXPECT_EQ(queue->List().size(), 1u);
}

TEST_F(JobQueueTest, AJobWhoseTurnComesOnAFullDiskFailsWithTheReasonAndTheNextIsTried) {
  const std::string run_id = Submit();
  options_.space.min_free_bytes = uint64_t{1} << 60;
  Restart();
  queue_->Start();
  EXPECT_THAT(news_.WaitFor(run_id, v1::JOB_STATE_FAILED).error(), HasSubstr("Not enough space"));
  EXPECT_EQ(Records(run_id).back().end().state(), v1::JOB_STATE_FAILED);
}

TEST_F(JobQueueTest, AJobThatWaitedForAnEngineThatIsGoneFailsWithTheReason) {
  const std::string run_id = Submit();
  options_.limits.engines = {{.name = "other"}};
  Restart();
  queue_->Start();
  EXPECT_THAT(news_.WaitFor(run_id, v1::JOB_STATE_FAILED).error(), HasSubstr("no 'fake' here"));
}

// It could not be used until the daemon was started again.
TEST_F(JobQueueTest, AnEngineThatWasInstalledLaterIsAskedWhenAJobNamesIt) {
  const TempFolder libexec;
  options_.limits.engines = {{.name = "fake", .unusable = "it crashed"}};
  options_.limits.libexec_dir = libexec.path();
  options_.ask_engine = [](const std::string& name) { return InstalledEngine{.name = name}; };
  Restart();
  EXPECT_TRUE(absl::IsFailedPrecondition(TrySubmit().status())) << "it is not installed";
  const std::string path = EnginePath(libexec.path(), "fake");
  ASSERT_TRUE(ReplaceFile(path, "", Sync::kNo).ok());
  ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  EXPECT_TRUE(TrySubmit().ok());
}

// It was taken, and failed when it ran.
TEST_F(JobQueueTest, AJobForAnEngineThatWasRemovedIsRefused) {
  const TempFolder libexec;
  options_.limits.engines = {{.name = "fake"}};
  options_.limits.libexec_dir = libexec.path();
  options_.ask_engine = [](const std::string& name) { return InstalledEngine{.name = name}; };
  Restart();
  const absl::Status refused = TrySubmit().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("was removed from " + libexec.path()));
}

TEST_F(JobQueueTest, SetsAFolderAsideThatItCannotRead) {
  const std::string run_id = Submit();
  queue_.reset();
  ASSERT_TRUE(ReplaceFile(Folder(run_id).Job(), "garbage", Sync::kNo).ok());
  Restart();
  EXPECT_TRUE(queue_->List().empty());
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/damaged/" + run_id + "/predict_net.pb"));
}

TEST_F(JobQueueTest, NumbersAreNotUsedAgainAfterTheirRunsAreGone) {
  const std::string run_id = Submit();
  ASSERT_TRUE(queue_->Cancel(run_id).ok());
  ASSERT_TRUE(queue_->Acknowledge(run_id, Get(run_id).chunks()).ok());
  Restart();
  const std::string next = Submit();
  EXPECT_NE(next.substr(next.size() - 4), run_id.substr(run_id.size() - 4));
}

TEST_F(JobQueueTest, OnlyItsOwnerCanReadARun) {
  const std::string run_id = Submit();
  struct stat info = {};
  ASSERT_EQ(stat(Folder(run_id).path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077u, 0u);
}

v1::ObjectRef RefOf(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  v1::ObjectRef object;
  object.set_sha256(hash.Finish());
  object.set_bytes(bytes.size());
  return object;
}

TEST_F(JobQueueTest, PinsTheObjectsOfAJobUntilItHasEnded) {
  const v1::ObjectRef weights = RefOf("weights"), values = RefOf("values");
  ASSERT_TRUE(queue_->AppendObject(weights, 0, MemoryFile("weights")).ok());
  ASSERT_TRUE(queue_->AppendObject(values, 0, MemoryFile("values")).ok());
  const std::string run_id = Submit(weights, values);
  EXPECT_EQ(*ReadFile(Folder(run_id).Weights(), 100), "weights");
  EXPECT_EQ(*ReadFile(Folder(run_id).InputValues(), 100), "values");
  Restart();
  queue_->Start();
  executor_.WaitForStarts(1);
  EXPECT_TRUE(std::filesystem::exists(Folder(run_id).Weights()));
  executor_.Finish(v1::JOB_STATE_DONE);
  EXPECT_EQ(news_.WaitForEnd(run_id).state(), v1::JOB_STATE_DONE);
  EXPECT_FALSE(std::filesystem::exists(Folder(run_id).Weights()));
  EXPECT_FALSE(std::filesystem::exists(Folder(run_id).InputValues()));
  EXPECT_TRUE(queue_->QueryObject(weights)->complete);
}

TEST_F(JobQueueTest, ACancelledJobNeedsItsObjectsNoMore) {
  const v1::ObjectRef weights = RefOf("weights");
  ASSERT_TRUE(queue_->AppendObject(weights, 0, MemoryFile("weights")).ok());
  const std::string run_id = Submit(weights, weights);
  ASSERT_TRUE(queue_->Cancel(run_id).ok());
  EXPECT_FALSE(std::filesystem::exists(Folder(run_id).Weights()));
}

TEST_F(JobQueueTest, AJobWhoseObjectsAreNotThereIsNotTaken) {
  v1::JobSpec spec = Spec();
  *spec.mutable_weights() = RefOf("weights");
  const auto job = queue_->Submit(spec, MemoryFile("net"), MemoryFile(""));
  EXPECT_EQ(job.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(job.status().ToString(), HasSubstr("are not on the board: upload them first"));
  EXPECT_TRUE(queue_->List().empty());
}

TEST_F(JobQueueTest, AJobWhoseObjectsWereDamagedMeanwhileFailsWithTheReason) {
  const v1::ObjectRef weights = RefOf("weights");
  ASSERT_TRUE(queue_->AppendObject(weights, 0, MemoryFile("weights")).ok());
  const std::string run_id = Submit(weights, weights);
  std::filesystem::remove(Folder(run_id).Weights());
  queue_->Start();
  const v1::JobStatus ended = news_.WaitForEnd(run_id);
  EXPECT_EQ(ended.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(ended.error(), HasSubstr("submit it again"));
}

TEST_F(JobQueueTest, AJobWhoseWeightsSomebodyChangedInPlaceFailsAndTheNextOneSendsThemAgain) {
  const v1::ObjectRef weights = RefOf("weights");
  ASSERT_TRUE(queue_->AppendObject(weights, 0, MemoryFile("weights")).ok());
  const std::string run_id = Submit(weights, weights);
  std::fstream(Folder(run_id).Weights(), std::ios::in | std::ios::out) << "W";
  queue_->Start();
  const v1::JobStatus ended = news_.WaitForEnd(run_id);
  EXPECT_EQ(ended.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(ended.error(), HasSubstr("The weights were lost, changed or damaged"));
  EXPECT_FALSE(queue_->QueryObject(weights)->complete);
  ASSERT_TRUE(queue_->AppendObject(weights, 0, MemoryFile("weights")).ok());
  executor_.Finish(v1::JOB_STATE_DONE);
  EXPECT_EQ(news_.WaitForEnd(Submit(weights, weights)).state(), v1::JOB_STATE_DONE);
}

TEST_F(JobQueueTest, ObjectsAreMadeDurableWhenNoJobRuns) {
  const v1::ObjectRef weights = RefOf("weights");
  ASSERT_TRUE(queue_->AppendObject(weights, 0, MemoryFile("weights")).ok());
  const std::string durable = fmt::format("{}/objects/{}", folder_.path(), ObjectName(weights));
  EXPECT_FALSE(std::filesystem::exists(durable));
  const std::string run_id = Submit(weights, weights);
  queue_->Start();
  executor_.WaitForStarts(1);
  EXPECT_TRUE(std::filesystem::exists(durable));
  executor_.Finish(v1::JOB_STATE_DONE);
  news_.WaitForEnd(run_id);
}

TEST_F(JobQueueTest, OutputsAreThereWhereTheJobLeftSome) {
  const std::string without = Submit(), with = Submit();
  EXPECT_EQ(queue_->OpenOutputs(with).status().code(), absl::StatusCode::kUnavailable);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitForEnd(without);
  EXPECT_EQ(queue_->OpenOutputs(without).status().code(), absl::StatusCode::kFailedPrecondition);
  executor_.WaitForStarts(2);
  ASSERT_TRUE(ReplaceFile(Folder(with).Outputs(), "outputs", Sync::kNo).ok());
  executor_.Finish({.state = v1::JOB_STATE_DONE, .error = "", .has_outputs = true});
  EXPECT_TRUE(news_.WaitForEnd(with).has_outputs());
  EXPECT_TRUE(queue_->OpenOutputs(with).ok());
}

TEST_F(JobQueueTest, AnUnknownRunIsNotFoundAndNoPathIsMadeOfIt) {
  const std::string run_id = Submit();
  for (const std::string& name :
       {std::string("nosuch"), fmt::format("../runs/{}", run_id), std::string()}) {
    EXPECT_EQ(queue_->Get(name).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(queue_->OpenRun(name).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(queue_->OpenTruth(name).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(queue_->OpenOutputs(name).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(queue_->Cancel(name).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(queue_->Acknowledge(name, 0).code(), absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(queue_->OpenRun(run_id).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(queue_->OpenTruth(run_id).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace synergy
