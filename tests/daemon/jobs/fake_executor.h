// An executor that does what a test tells it, and a listener that remembers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/records/chunk.h"
#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/job_queue.h"
#include "daemon/sampling/spool.h"
#include "gtest/gtest.h"

namespace synergy {

// Starts each job's spool with a header and holds the job until Finish or a cancellation.
class FakeExecutor final : public JobExecutor {
 public:
  JobOutcome Execute(const v1::JobStatus& job, const RunFolder& folder, const CancelToken& cancel,
                     const ProgressCallback& progress) override {
    auto spool = RunSpool::Create(folder.Spool());
    EXPECT_TRUE(spool.ok()) << spool.status();
    v1::RunRecord record;
    record.mutable_header()->set_run_id(job.run_id());
    Append(**spool, 0, record);
    progress({.phase = v1::PHASE_MEASURE, .iteration = 3, .power_w = 2.5, .chunks = 1});
    {
      absl::MutexLock lock(&mutex_);
      started_.push_back(job.run_id());
    }
    JobOutcome outcome = WaitForEnd(cancel);
    record.mutable_end()->set_state(outcome.state);
    record.mutable_end()->set_error(outcome.error);
    Append(**spool, 1, record);
    EXPECT_TRUE((*spool)->Finish().ok());
    outcome.chunks = 2;
    return outcome;
  }

  // Waits until `count` jobs have been started since the beginning; their run ids.
  std::vector<std::string> WaitForStarts(size_t count) {
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return started_.size() >= count;
    };
    absl::MutexLock lock(&mutex_);
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10)));
    return started_;
  }
  // Ends the running job, or the next one.
  void Finish(v1::JobState state, const std::string& error = "") {
    Finish({.state = state, .error = error});
  }
  void Finish(const JobOutcome& outcome) {
    absl::MutexLock lock(&mutex_);
    ends_.push_back(outcome);
  }

 private:
  JobOutcome WaitForEnd(const CancelToken& cancel) {
    const auto ended = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !ends_.empty() || cancel.cancelled();
    };
    absl::MutexLock lock(&mutex_);
    // A cancellation does not touch this mutex: looked at every now and then.
    while (!mutex_.AwaitWithTimeout(absl::Condition(&ended), absl::Milliseconds(5))) {
    }
    if (cancel.cancelled()) return {.state = v1::JOB_STATE_CANCELLED, .error = cancel.reason()};
    const JobOutcome outcome = ends_.front();
    ends_.erase(ends_.begin());
    return outcome;
  }
  static void Append(RunSpool& spool, uint64_t number, const v1::RunRecord& record) {
    EXPECT_TRUE(spool
                    .Append(kRunRecordsChannel, number, 1, v1::ENCODING_RUN_RECORDS,
                            EncodeRunRecords({record}))
                    .ok());
  }

  absl::Mutex mutex_;
  std::vector<std::string> started_ ABSL_GUARDED_BY(mutex_);
  std::vector<JobOutcome> ends_ ABSL_GUARDED_BY(mutex_);
};

// Remembers all news.
class NewsLog final : public JobListener {
 public:
  void OnJob(const v1::JobStatus& job) override {
    absl::MutexLock lock(&mutex_);
    news_.push_back(job);
  }
  void OnRemoved(const std::string& run_id) override {
    absl::MutexLock lock(&mutex_);
    removed_.push_back(run_id);
  }
  // Waits for news of `run_id` in `state` and returns it.
  v1::JobStatus WaitFor(const std::string& run_id, v1::JobState state) {
    return WaitUntil(run_id, [state](const v1::JobStatus& job) { return job.state() == state; });
  }
  v1::JobStatus WaitForEnd(const std::string& run_id) {
    return WaitUntil(run_id, [](const v1::JobStatus& job) {
      return job.state() == v1::JOB_STATE_DONE || job.state() == v1::JOB_STATE_FAILED ||
             job.state() == v1::JOB_STATE_CANCELLED;
    });
  }
  v1::JobStatus WaitForPhase(const std::string& run_id, v1::Phase phase) {
    return WaitUntil(run_id, [phase](const v1::JobStatus& job) { return job.phase() == phase; });
  }
  std::vector<v1::JobStatus> news() const {
    absl::MutexLock lock(&mutex_);
    return news_;
  }
  std::vector<std::string> removed() const {
    absl::MutexLock lock(&mutex_);
    return removed_;
  }

 private:
  // The first news of the run that `wanted` is true of.
  v1::JobStatus WaitUntil(const std::string& run_id,
                          const std::function<bool(const v1::JobStatus&)>& wanted) {
    v1::JobStatus found;
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (const v1::JobStatus& status : news_) {
        if (status.run_id() != run_id || !wanted(status)) continue;
        found = status;
        return true;
      }
      return false;
    };
    absl::MutexLock lock(&mutex_);
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(20)))
        << run_id << " did not get there; its last news: "
        << (news_.empty() ? "none" : news_.back().ShortDebugString());
    return found;
  }

  mutable absl::Mutex mutex_;
  std::vector<v1::JobStatus> news_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> removed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
