// What is recorded of one run: readings around and during the job, markers, phases, notices, the
// end, and on a simulated board the truth. Meanwhile the sampler, the telemetry and the CPUs of the
// daemon are this run's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/run_codes.h"
#include "daemon/jobs/core_plan.h"
#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/marker_feed.h"
#include "daemon/jobs/reading_tally.h"
#include "daemon/jobs/run_folder.h"
#include "daemon/jobs/runner_options.h"
#include "daemon/sampling/run_recorder.h"

namespace synergy {

// Used once, by one thread: Start, then everything else, StopReadings and Finish last.
class RunRecording {
 public:
  // Everything outlives the recording.
  RunRecording(const RunnerOptions& options, const RunnerParts& parts, const v1::JobStatus& job,
               const RunFolder& folder, const CorePlan& cores, const ProgressCallback& progress);

  // Begins in the idle phase at EdgeRateHz(). `feed`: what a simulated board draws power for. After
  // an error a recording that has started nevertheless is to be stopped and finished.
  absl::Status Start(std::string engine_version, ActivityFeed* feed);
  bool started() const { return recorder_ != nullptr; }

  // `activity`: of now, for the progress that is told.
  void SetPhase(v1::Phase phase, const MarkerFeed::Activity& activity);
  v1::Phase phase() const { return phase_; }
  void AddNotice(NoticeCode code, std::string text);
  void Record(const v1::RunRecord& record) { recorder_->OnRecord(record); }
  // How precise the run is by now, for the progress that is told.
  void SetPrecision(const v1::MeasuredBlock& block) { precision_ = block; }
  // Returns when the spool has all that came so far. An error: it cannot be written.
  absl::Status Flush();
  // How many operators the net has, as soon as that is known; and what they are.
  void SetOperatorCount(uint32_t count) { operator_count_ = count; }
  void OnOperators(const v1::OperatorTable& operators);
  // Nothing before Start.
  void RecordCounts(std::vector<v1::EventCounts> counts);
  // Likewise. An error: the records cannot be written.
  absl::Status OnTick(const MarkerFeed::Activity& activity, const std::vector<Marker>& markers);

  double requested_hz() const { return header_.requested_hz(); }
  // What is sampled at before and after the job: what was asked for, or faster. However slow that
  // is, what the power was around the job must be known.
  double EdgeRateHz() const;
  const ReadingTally& tally() const { return tally_; }
  // Because the disk was too slow. Where it could not be written at all, that error tells the loss.
  uint64_t records_dropped() const { return recorder_->status().ok() ? recorder_->dropped() : 0; }
  double DaemonCpuSeconds() const;  // since Start
  uint64_t bytes_written() const { return recorder_->bytes(); }

  // Gives the sampler, the board and the CPUs back. What the sources did since their numbers were
  // last taken.
  std::vector<v1::SourceStats> StopReadings();
  // Writes the end and all that belongs to the run.
  JobOutcome Finish(v1::RunEnd end, const std::string& engine_log);

 private:
  absl::Status WriteStatus() const;
  void AddRunNotices();
  void ReportProgress(const MarkerFeed::Activity& activity);
  // Where `why` kept records from being written: marks `end` and writes it into the space that was
  // kept back. How many chunks there are now.
  uint64_t FinishWithoutRecorder(const absl::Status& why, v1::RunEnd* end);
  bool WriteTruth();

  const RunnerOptions& options_;
  const RunnerParts& parts_;
  const v1::JobStatus& job_;
  const RunFolder& folder_;
  const CorePlan& cores_;
  const ProgressCallback& progress_;
  Clock& clock_;

  v1::RunHeader header_;
  std::unique_ptr<RunRecorder> recorder_;  // null before Start
  ReadingTally tally_;
  std::optional<v1::RunTruth> truth_;
  v1::Phase phase_ = v1::PHASE_UNSPECIFIED;
  uint32_t operator_count_ = 0;
  v1::MeasuredBlock precision_;
  MonotonicTime next_report_;
  double cpu_s_at_begin_ = 0;
};

}  // namespace synergy
