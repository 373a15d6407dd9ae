#include "daemon/jobs/run_recording.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/files.h"
#include "daemon/jobs/process_usage.h"
#include "daemon/jobs/run_closing.h"
#include "daemon/jobs/run_header.h"
#include "daemon/sampling/spool.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

std::string UnwrittenText(const absl::Status& why) {
  return fmt::format("the run's records could not be written: {}", std::string(why.message()));
}

}  // namespace

RunRecording::RunRecording(const RunnerOptions& options, const RunnerParts& parts,
                           const v1::JobStatus& job, const RunFolder& folder, const CorePlan& cores,
                           const ProgressCallback& progress)
    : options_(options),
      parts_(parts),
      job_(job),
      folder_(folder),
      cores_(cores),
      progress_(progress),
      clock_(*parts.clock),
      tally_(*parts.sampler),
      next_report_(clock_.Now()) {}

absl::Status RunRecording::Start(std::string engine_version, ActivityFeed* feed) {
  absl::StatusOr<std::unique_ptr<RunSpool>> spool =
      RunSpool::Create(folder_.Spool(), options_.spool);
  if (!spool.ok()) return spool.status();
  header_ = MakeRunHeader(job_, parts_.board, clock_);
  header_.set_engine_version(std::move(engine_version));
  auto recorder = RunRecorder::Start(header_, *parts_.sampler, *std::move(spool),
                                     [this](uint64_t) { parts_.on_chunk(); });
  if (!recorder.ok()) return recorder.status();
  recorder_ = *std::move(recorder);

  if (!cores_.daemon.empty()) parts_.pin(cores_.daemon);
  if (parts_.simulation != nullptr) {
    const v1::JobSpec& spec = job_.spec();
    parts_.simulation->BeginRun({.run_id = job_.run_id(),
                                 .net_name = spec.net_name(),
                                 .seed = spec.seed(),
                                 .threads = spec.threads()},
                                feed);
  }
  cpu_s_at_begin_ = OwnUsage().cpu_s;
  absl::Status rate = parts_.sampler->SetRate(EdgeRateHz());
  parts_.sampler->TakeStats();  // counts from here on
  parts_.sampler->AddSink(recorder_.get());
  parts_.sampler->AddSink(&tally_);
  SetPhase(v1::PHASE_IDLE, MarkerFeed::Activity{});  // nothing runs
  AddRunNotices();
  return rate;
}

double RunRecording::EdgeRateHz() const {
  return std::max(header_.requested_hz(), options_.idle_rate_hz);
}

double RunRecording::DaemonCpuSeconds() const { return OwnUsage().cpu_s - cpu_s_at_begin_; }

void RunRecording::SetPhase(v1::Phase phase, const MarkerFeed::Activity& activity) {
  phase_ = phase;
  v1::RunRecord record;
  record.mutable_phase()->set_phase(phase);
  record.mutable_phase()->set_at_ns(clock_.Now().ns);
  recorder_->OnRecord(record);
  next_report_ = clock_.Now();  // a change of phase is told at once
  ReportProgress(activity);
}

void RunRecording::AddNotice(NoticeCode code, std::string text) {
  v1::RunRecord record;
  record.mutable_notice()->set_at_ns(clock_.Now().ns);
  record.mutable_notice()->set_code(std::string(CodeName(code)));
  record.mutable_notice()->set_text(std::move(text));
  recorder_->OnRecord(record);
}

void RunRecording::AddRunNotices() {
  if (parts_.simulation != nullptr) {
    for (std::string& line : parts_.simulation->Disclaimers()) {
      AddNotice(NoticeCode::kSimulated, std::move(line));
    }
  }
  if (const std::string moved = MovedLimits(options_.limits); !moved.empty()) {
    AddNotice(NoticeCode::kLimitsMoved,
              "this synergyd judges runs by limits of its own (--limit): " + moved);
  }
  if (cores_.job.empty()) {
    AddNotice(
        NoticeCode::kCoresShared,
        fmt::format("the job's {} threads need all {} CPUs, so the daemon's threads share them",
                    job_.spec().threads(), parts_.cpus.size()));
  }
}

void RunRecording::OnOperators(const v1::OperatorTable& operators) {
  v1::RunRecord record;
  *record.mutable_operators() = operators;
  recorder_->OnRecord(record);
  if (parts_.simulation != nullptr) parts_.simulation->SetOperators(operators);
}

absl::Status RunRecording::OnTick(const MarkerFeed::Activity& activity,
                                  const std::vector<Marker>& markers) {
  if (!recorder_) return absl::OkStatus();
  if (!markers.empty()) recorder_->OnMarkers(markers);
  ReportProgress(activity);
  return WriteStatus();
}

void RunRecording::RecordCounts(std::vector<v1::EventCounts> counts) {
  for (v1::EventCounts& rows : counts) {
    if (!recorder_) return;
    v1::RunRecord record;
    *record.mutable_counts() = std::move(rows);
    recorder_->OnRecord(record);
  }
}

absl::Status RunRecording::WriteStatus() const {
  const absl::Status status = recorder_->status();
  return status.ok() ? status : absl::Status(status.code(), UnwrittenText(status));
}

absl::Status RunRecording::Flush() {
  recorder_->Flush();
  return WriteStatus();
}

void RunRecording::ReportProgress(const MarkerFeed::Activity& activity) {
  const auto& current = activity.current;
  const bool here = current.has_value() && current->phase == static_cast<uint32_t>(phase_);
  // At a block's begin the ring still has the last iteration of the block before.
  const bool in_blocks = phase_ == v1::PHASE_DECIDING || phase_ == v1::PHASE_MEASURE;
  const auto before = in_blocks ? static_cast<uint32_t>(precision_.iterations()) : 0;
  const uint32_t iteration =
      here && phase_ != v1::PHASE_DECIDING ? std::max(current->iteration, before) : before;
  std::optional<uint32_t> op;
  if (here && current->op < operator_count_) op = current->op;
  parts_.telemetry->SetActivity(job_.run_id(), phase_, iteration, op);
  const MonotonicTime now = clock_.Now();
  if (now < next_report_) return;
  next_report_ = now + options_.progress_period;
  progress_({.phase = phase_,
             .iteration = iteration,
             .power_w = parts_.telemetry->TopRailPower().value_or(0),
             .chunks = recorder_->chunks(),
             .widest_interval = precision_.widest_interval()});
}

std::vector<v1::SourceStats> RunRecording::StopReadings() {
  if (parts_.simulation != nullptr) truth_ = parts_.simulation->EndRun();
  parts_.sampler->RemoveSink(&tally_);
  parts_.sampler->RemoveSink(recorder_.get());
  std::vector<v1::SourceStats> sources = parts_.sampler->TakeStats();
  if (absl::Status rate = parts_.sampler->SetRate(options_.idle_rate_hz); !rate.ok()) {
    spdlog::error("{}", rate.ToString());
  }
  parts_.telemetry->SetActivity("", v1::PHASE_IDLE, 0, std::nullopt);
  if (!cores_.daemon.empty()) parts_.pin(parts_.cpus);
  return sources;
}

JobOutcome RunRecording::Finish(v1::RunEnd end, const std::string& engine_log) {
  const absl::Status finished = recorder_->Finish(end);
  uint64_t chunks = recorder_->chunks();
  if (!finished.ok()) chunks = FinishWithoutRecorder(finished, &end);
  JobOutcome outcome = {.state = end.state(), .error = end.error(), .chunks = chunks};
  outcome.has_truth = WriteTruth();
  outcome.verdict = end.verdict();
  outcome.reasons.assign(end.reasons().begin(), end.reasons().end());
  const absl::Status logged = ReplaceFile(folder_.WorkerLog(), engine_log, Sync::kNo);
  if (!logged.ok()) spdlog::warn("{}", logged.ToString());
  return outcome;
}

// A full disk most often. The space that was kept back takes the end.
uint64_t RunRecording::FinishWithoutRecorder(const absl::Status& why, v1::RunEnd* end) {
  recorder_.reset();
  unlink(folder_.Reserve().c_str());
  end->set_verdict(v1::VERDICT_INVALID);
  // A job that this ended has it among its reasons already.
  const bool said =
      std::any_of(end->reasons().begin(), end->reasons().end(),
                  [](const auto& reason) { return HasCode(reason, ReasonCode::kJobFailed); });
  if (!said) end->add_reasons(Reason(ReasonCode::kJobFailed, UnwrittenText(why)));
  if (end->state() == v1::JOB_STATE_DONE) {
    end->set_state(v1::JOB_STATE_FAILED);
    end->set_error(UnwrittenText(why));
  }
  const absl::StatusOr<ClosedSpool> closed = CloseSpool(folder_.Spool(), header_, *end, Sync::kYes);
  if (!closed.ok()) spdlog::error("Closing {}: {}", job_.run_id(), closed.status().ToString());
  return closed.ok() ? closed->chunks : 0;
}

// Apart from the records: nothing that computes from those can see it. Not synced here, since a
// daemon that is to end has 2 s: the queue has it synced.
bool RunRecording::WriteTruth() {
  if (!truth_.has_value()) return false;
  const absl::Status status = ReplaceFile(folder_.Truth(), truth_->SerializeAsString(), Sync::kNo);
  if (!status.ok()) spdlog::error("Writing the truth of {}: {}", job_.run_id(), status.ToString());
  return status.ok();
}

}  // namespace synergy
