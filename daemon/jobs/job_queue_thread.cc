// JobQueue's one thread: takes the next job, has it run, and notes how it ended. What clients ask
// of the queue meanwhile is in job_queue.cc.
#include <algorithm>
#include <utility>

#include "common/printable.h"
#include "common/protocol.h"
#include "daemon/jobs/job_queue.h"
#include "daemon/jobs/run_closing.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr std::string_view kVerdictPrefix = "VERDICT_";

void LogEnded(const std::string& run_id, const JobOutcome& outcome) {
  const std::string reasons =
      outcome.reasons.empty() ? "" : fmt::format(" ({})", fmt::join(outcome.reasons, "; "));
  switch (outcome.state) {
    case v1::JOB_STATE_DONE:
      return spdlog::info("run {}: done, {}{}", run_id,
                          v1::Verdict_Name(outcome.verdict).substr(kVerdictPrefix.size()), reasons);
    case v1::JOB_STATE_CANCELLED:
      return spdlog::info("run {}: cancelled: {}", run_id, outcome.error);
    default:
      return spdlog::warn("run {}: failed: {}", run_id, outcome.error);
  }
}

}  // namespace

void JobQueue::RunJobs() {
  while (true) {
    bool sync = false, keep = false;
    {
      absl::MutexLock lock(&mutex_);
      // Leases end by themselves.
      mutex_.AwaitWithTimeout(
          absl::Condition(
              +[](JobQueue* queue) ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue->mutex_) {
                return queue->stopping_ || queue->unsynced_objects_ || queue->keep_quota_ ||
                       queue->table_.NextQueued() != nullptr;
              },
              this),
          absl::Seconds(1));
      if (stopping_) return;
      AdvanceLeases();
      sync = std::exchange(unsynced_objects_, false);
      keep = std::exchange(keep_quota_, false);
    }
    if (keep) KeepQuota();
    SaveEnds();
    if (sync) objects_->Sync(stop_syncing_);
    std::optional<v1::StoredJob> job = TakeNext();
    if (!job.has_value()) continue;
    // Written before the job runs, so that a daemon that dies finds it running at its next start,
    // and does not run it again.
    JobOutcome outcome;
    if (absl::Status saved = store_->Save(*job, true); saved.ok()) {
      spdlog::info("run {}: started", job->status().run_id());
      outcome = RunOne(job->status());
    } else {
      outcome.error = fmt::format("that it runs could not be noted: {}", saved.ToString());
    }
    LogEnded(job->status().run_id(), outcome);
    End(job->number(), outcome);
    store_->Sync();
    KeepQuota();
  }
}

void JobQueue::SaveEnds() {
  absl::MutexLock files(&files_mutex_);
  std::vector<v1::StoredJob> jobs;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::string& run_id : std::exchange(unsaved_, {})) {
      const absl::StatusOr<uint64_t> number = table_.Find(run_id);
      if (number.ok()) jobs.push_back(table_.at(*number));
    }
  }
  for (v1::StoredJob& job : jobs) {
    const v1::JobStatus was = job.status();
    // Before it is known that there is room the error would only grow.
    absl::Status closed = store_->Save(job, false);
    if (closed.ok()) {
      closed = CloseRun(options_.board, was.state(), was.error(), clock_, store_.get(), &job);
    }
    absl::MutexLock lock(&mutex_);
    if (!closed.ok()) unsaved_.insert(was.run_id());
    if (closed.ok()) table_.Announce(table_.Put(std::move(job)));
  }
  if (!jobs.empty()) store_->Sync();
}

std::optional<v1::StoredJob> JobQueue::TakeNext() {
  // A submission under way is still syncing its files: wait, so that this does not disturb the job.
  absl::MutexLock submission(&submit_mutex_);
  absl::MutexLock lock(&mutex_);
  v1::StoredJob* job = table_.NextQueued();
  if (job == nullptr || stopping_) return std::nullopt;
  running_ = std::make_shared<CancelToken>();
  table_.TookTurn(*job);
  job->mutable_status()->set_state(v1::JOB_STATE_RUNNING);
  job->mutable_status()->set_phase(v1::PHASE_IDLE);
  job->mutable_status()->set_queue_position(0);
  table_.Announce(*job);
  table_.NumberTheQueue();
  return *job;
}

JobOutcome JobQueue::RunOne(const v1::JobStatus& job) {
  const std::shared_ptr<CancelToken> cancel = [this] {
    absl::MutexLock lock(&mutex_);
    return running_;
  }();
  // What was possible when the job was submitted need not be since a restart.
  absl::Status possible = Possible(job.spec(), true);
  if (possible.ok()) possible = store_->RequireSpace(options_.space.min_free_bytes);
  if (possible.ok()) possible = store_->VerifyObjects(job, stop_syncing_);
  if (possible.ok()) possible = store_->CreateReserve(job.run_id());
  JobOutcome outcome;
  if (possible.ok()) {
    outcome = executor_.Execute(
        job, store_->Folder(job.run_id()), *cancel,
        [this, &job](const JobProgress& progress) { Report(job.run_id(), progress); });
  } else {
    outcome.error = std::string(possible.message());
  }
  store_->FreeReserve(job.run_id());
  store_->ReleaseObjects(job);
  return outcome;
}

void JobQueue::Report(std::string_view run_id, const JobProgress& progress) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<uint64_t> number = table_.Find(run_id);
  if (!number.ok()) return;
  v1::StoredJob& job = table_.at(*number);
  v1::JobStatus& status = *job.mutable_status();
  status.set_phase(progress.phase);
  status.set_iteration(progress.iteration);
  status.set_power_w(progress.power_w);
  status.set_chunks(progress.chunks);
  status.set_hottest_c(progress.hottest_c);
  status.set_widest_interval(progress.widest_interval);
  status.set_waits_for(progress.waits_for);
  table_.Announce(job);
}

void JobQueue::End(uint64_t number, const JobOutcome& outcome) {
  v1::StoredJob job;
  {
    absl::MutexLock lock(&mutex_);
    job = table_.at(number);
    job.mutable_status()->set_interrupted(outcome.state == v1::JOB_STATE_CANCELLED &&
                                          running_->interrupted());
  }
  v1::JobStatus& status = *job.mutable_status();
  status.set_state(outcome.state);
  status.set_error(Printable(outcome.error, kMaxJobErrorBytes));
  status.set_chunks(outcome.chunks);
  status.set_has_truth(outcome.has_truth);
  status.set_has_outputs(outcome.has_outputs);
  status.set_phase(v1::PHASE_IDLE);
  status.set_power_w(0);
  status.clear_waits_for();
  absl::Status saved;
  if (outcome.chunks == 0) {  // it never got as far as a spool
    saved = CloseRun(options_.board, outcome.state, outcome.error, clock_, store_.get(), &job);
  } else if (saved = store_->Save(job, true); !saved.ok()) {
    // A start before SaveEnds finds a running job whose spool has its end, and takes over what
    // stands there.
    spdlog::error("Noting the end of {}: {}", status.run_id(), saved.ToString());
  }
  absl::MutexLock lock(&mutex_);
  if (!saved.ok()) unsaved_.insert(status.run_id());
  // Made durable with the rest, unless the daemon is to end: a long truth and
  // large outputs take long.
  const RunFolder folder = store_->Folder(status.run_id());
  if (outcome.has_truth && !stopping_) store_->SyncLater(folder.Truth());
  if (outcome.has_outputs && !stopping_) store_->SyncLater(folder.Outputs());
  running_ = nullptr;
  const uint64_t acknowledged = table_.at(number).status().acknowledged();  // may have moved
  status.set_acknowledged(std::min(acknowledged, status.chunks()));
  table_.Announce(table_.Put(std::move(job)));
  AdvanceLeases();
}

}  // namespace synergy
