// How a RunSession ends: what disturbed it and what it cost, the outputs, the engine, what it left
// behind, the clocks, and the verdict. What comes before is in run_session.cc.
#include <algorithm>
#include <utility>

#include "daemon/jobs/outputs_file.h"
#include "daemon/jobs/run_session.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {

// What is seen here holds when the phase begins.
void RunSession::BeginWatching() {
  if (conditions_) {
    const std::optional<Conditions::Zone> hottest = conditions_->BeginMeasuring();
    const double gate_c = job_.spec().cool_below_c();
    if (hottest && gate_c > 0) facts_.began_at = {hottest->name, hottest->celsius, gate_c};
  }
  watch_.Begin();
}

void RunSession::EndWatching() {
  const PhaseWatch::Seen seen = watch_.End();
  observer_cost_ = seen.observer;
  facts_.others = seen.others;
  NoteUploads(seen.received_bytes);
  if (!conditions_) return;
  ConditionRecorder::Seen conditions = conditions_->EndMeasuring(options_.limits.clock_away);
  facts_.moved_clocks = std::move(conditions.moved);
  facts_.throttled = std::move(conditions.throttled);
}

void RunSession::JudgeHolder() {
  if (parts_.clocks == nullptr) return;
  const ClockControl::Holding holding = parts_.clocks->Holder();
  if (holding.changes == clock_changes_) return;
  facts_.moved_clocks.push_back(
      {.code = ReasonCode::kClockMoved,
       .text = fmt::format(
           "{} {} the clocks while this run was recorded, so that parts of it, or its idle "
           "power, are of different ones",
           holding.holder, holding.held ? "took" : "let go of")});
}

void RunSession::NoteUploads(uint64_t bytes) {
  if (bytes == 0) return;
  recording_.AddNotice(
      NoticeCode::kUploadMeanwhile,
      fmt::format("this board took or checked {:.1f} MB of clients' weights and inputs in the "
                  "measured phase: that takes CPU time, memory bandwidth and power, which stand in "
                  "the operators' numbers",
                  static_cast<double>(bytes) / 1e6));
}

absl::Status RunSession::KeepOutputs() {
  if (!job_.spec().keep_outputs()) return absl::OkStatus();
  absl::StatusOr<OutputsFile> file = OutputsFile::Create(folder_.Outputs());
  absl::Status status = file.status();
  if (status.ok()) status = driver_->WriteOutputs(file->fd());
  if (absl::IsCancelled(status)) return status;
  AddEngineNotes();
  if (status.ok()) status = file->Keep();
  has_outputs_ = status.ok();
  if (!status.ok()) recording_.AddNotice(NoticeCode::kNoOutputs, std::string(status.message()));
  return absl::OkStatus();
}

void RunSession::ReleaseClocks() {
  if (clocks_ == nullptr) return;
  for (std::string& line : clocks_->Release()) {
    spdlog::warn("run {}: {}", job_.run_id(), line);
    recording_.AddNotice(NoticeCode::kClocksLeft, std::move(line));
  }
}

int RunSession::KillLeftBehind() {
  const int in_cgroup = parts_.cgroup != nullptr ? parts_.cgroup->KillAll() : 0;
  return std::max(in_cgroup, KillStrays());
}

void RunSession::Stop(const absl::Status& result) {
  if (recording_.phase() != v1::PHASE_IDLE) SetPhase(v1::PHASE_IDLE);
  const absl::Status stopped = driver_->Stop(result.ok());
  if (!stopped.ok()) {
    recording_.AddNotice(NoticeCode::kEngineEnd, std::string(stopped.message()));
  }
  std::vector<v1::SourceStats> sources = recording_.StopReadings();
  JudgeHolder();
  conditions_.reset();  // before the clocks move back
  ReleaseClocks();
  if (facts_.sources.empty()) facts_.sources = std::move(sources);
  if (const int64_t error = driver_->activity().worst_clock_error_ns; error > kMaxClockErrorNs) {
    recording_.AddNotice(NoticeCode::kClockAstray, ClockErrorText(error));
  }
  if (const int strays = KillLeftBehind(); strays > 0) {
    recording_.AddNotice(
        NoticeCode::kStraysKilled,
        fmt::format("the engine left {} processes behind; they were killed", strays));
  }
}

v1::RunEnd RunSession::MakeEnd(const absl::Status& result) {
  const MarkerFeed::Activity& activity = driver_->activity();
  if (!result.ok()) {
    facts_.state = absl::IsCancelled(result) ? v1::JOB_STATE_CANCELLED : v1::JOB_STATE_FAILED;
    facts_.error = std::string(result.message());
  }
  facts_.measured = activity.measured;
  facts_.markers_dropped = activity.dropped;
  facts_.clock_error_ns = activity.worst_clock_error_ns;
  facts_.records_dropped = recording_.records_dropped();
  facts_.garbage =
      activity.ring.ok() ? activity.first_garbage : std::string(activity.ring.message());
  facts_.late_stamps = parts_.sampler->doubts();
  facts_.never_changed = recording_.tally().NeverChanged();
  for (size_t i = 0; i < parts_.sampler->source_count(); ++i) {
    const absl::Status status = parts_.sampler->source_status(i);
    if (!status.ok()) facts_.failed_sources.emplace_back(status.message());
  }
  const Judgement judgement = Judge(facts_, options_.limits);

  v1::RunEnd end;
  end.set_end_ns(clock_.Now().ns);
  end.set_state(facts_.state);
  end.set_error(facts_.error);
  end.set_interrupted(absl::IsCancelled(result) && cancel_.interrupted());
  end.set_verdict(judgement.verdict);
  end.mutable_reasons()->Assign(judgement.reasons.begin(), judgement.reasons.end());
  end.mutable_sampling()->mutable_sources()->Assign(facts_.sources.begin(), facts_.sources.end());
  end.mutable_sampling()->set_daemon_cpu_s(recording_.DaemonCpuSeconds());
  end.set_markers(activity.markers);
  end.set_markers_dropped(activity.dropped);
  if (observer_cost_) *end.mutable_observer() = *observer_cost_;
  if (facts_.precision) {
    end.mutable_blocks()->Assign(facts_.precision->blocks.begin(), facts_.precision->blocks.end());
  }
  return end;
}

}  // namespace synergy
