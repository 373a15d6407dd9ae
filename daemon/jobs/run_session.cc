#include "daemon/jobs/run_session.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/files.h"
#include "common/printable.h"
#include "daemon/jobs/engines.h"
#include "daemon/jobs/run_closing.h"
#include "daemon/jobs/run_header.h"
#include "daemon/jobs/spec_validation.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// Lanes beside one for each thread of the job: those that the engine loads with.
constexpr uint32_t kSpareLanes = 4;
constexpr Nanoseconds kReadingStep = Milliseconds(2);

double ProcessCpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Twice what all of its threads could use until its time limit: the daemon's own clock comes first.
uint64_t CpuLimitS(const v1::JobSpec& spec) {
  const double limit_s = spec.time_limit_s() > 0 ? spec.time_limit_s() : kDefaultTimeLimitS;
  return static_cast<uint64_t>(std::ceil(2 * limit_s * spec.threads())) + 60;
}

}  // namespace

RunSession::RunSession(const RunnerOptions& options, const RunnerParts& parts,
                       const v1::JobStatus& job, const RunFolder& folder, const CancelToken& cancel,
                       const ProgressCallback& progress)
    : options_(options),
      parts_(parts),
      job_(job),
      folder_(folder),
      cancel_(cancel),
      progress_(progress),
      clock_(*parts.clock),
      cores_(PlanCores(parts.cpus, job.spec().threads())),
      tally_(*parts.sampler),
      next_report_(clock_.Now()) {}

JobOutcome RunSession::Run() {
  absl::Status result = StartEngine();
  if (result.ok()) result = StartRecording();
  if (!recorder_) {
    if (driver_) driver_->Stop(false).IgnoreError();  // the cause is known
    KillLeftBehind();
    const bool cancelled = absl::IsCancelled(result);
    return {.state = cancelled ? v1::JOB_STATE_CANCELLED : v1::JOB_STATE_FAILED,
            .error = std::string(result.message())};
  }
  if (result.ok()) result = Conduct();
  StopRecording(result);
  return Finish(MakeEnd(result));
}

absl::Status RunSession::StartEngine() {
  absl::StatusOr<UniqueFd> predict = OpenForReading(folder_.PredictNet());
  if (!predict.ok()) return predict.status();
  absl::StatusOr<UniqueFd> init = OpenForReading(folder_.InitNet());
  if (!init.ok()) return init.status();
  predict_net_ = *std::move(predict);
  init_net_ = *std::move(init);

  RingGeometry geometry;
  geometry.lanes = std::max(geometry.lanes, job_.spec().threads() + kSpareLanes);
  const absl::StatusOr<int> ring = CreateMarkerRing(geometry);
  if (!ring.ok()) return ring.status();
  ring_.reset(*ring);
  feed_.emplace(ring_.get(), geometry, clock_.Now(), parts_.simulation != nullptr, clock_);
  driver_.emplace(
      job_.spec(), options_.engine, *feed_, cancel_, clock_,
      [this](const auto& activity, const auto& markers) { return OnTick(activity, markers); });

  WorkerSpec worker;
  worker.launcher = options_.launcher;
  worker.executable = EnginePath(options_.libexec_dir, job_.spec().engine());
  worker.user = options_.engine_user;
  worker.cpus = cores_.job;
  if (parts_.cgroup != nullptr) worker.cgroup = parts_.cgroup->path();
  worker.memory_limit = EngineMemoryLimit();
  worker.cpu_limit_s = CpuLimitS(job_.spec());
  const absl::StatusOr<v1::WorkerEvent::Hello> hello =
      driver_->Start(worker, ring_.get(), predict_net_.get(), init_net_.get());
  if (!hello.ok()) return hello.status();
  header_.set_engine_version(Printable(hello->engine_version(), kMaxEngineVersionBytes));
  return absl::OkStatus();
}

absl::Status RunSession::StartRecording() {
  absl::StatusOr<std::unique_ptr<RunSpool>> spool =
      RunSpool::Create(folder_.Spool(), options_.spool);
  if (!spool.ok()) return spool.status();
  v1::RunHeader header = MakeRunHeader(job_, parts_.board, clock_);
  header.set_engine_version(header_.engine_version());
  header_ = std::move(header);
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
                                &*feed_);
  }
  cpu_s_at_begin_ = ProcessCpuSeconds();
  absl::Status rate = parts_.sampler->SetRate(EdgeRateHz());
  parts_.sampler->TakeStats();  // counts from here on
  parts_.sampler->AddSink(recorder_.get());
  parts_.sampler->AddSink(&tally_);
  SetPhase(v1::PHASE_IDLE);
  AddRunNotices();
  return rate;
}

absl::Status RunSession::Conduct() {
  absl::Status status = Baseline();
  if (!status.ok()) return status;
  SetPhase(v1::PHASE_SETUP);
  if (status = driver_->Load(); !status.ok()) return status;
  facts_.expected = uint64_t{driver_->operator_count()} * job_.spec().iterations();
  SetPhase(v1::PHASE_WARMUP);
  if (status = Warmup(); !status.ok()) return status;
  SetPhase(v1::PHASE_MEASURE);
  if (status = Measure(); !status.ok()) return status;
  SetPhase(v1::PHASE_IDLE);
  return Tail();
}

// However slow the sampling that was asked for: what the power was around the job must be known.
double RunSession::EdgeRateHz() const {
  return std::max(header_.requested_hz(), options_.idle_rate_hz);
}

absl::StatusOr<bool> RunSession::AwaitReadings(MonotonicTime since, bool voltages) {
  const MonotonicTime limit = clock_.Now() + options_.reading_patience;
  while (!tally_.AllReadSince(since, voltages)) {
    if (clock_.Now() >= limit) return false;
    if (absl::Status status = driver_->Idle(kReadingStep); !status.ok()) return status;
  }
  return true;
}

absl::Status RunSession::Baseline() {
  const MonotonicTime begin = clock_.Now();
  if (absl::Status status = driver_->Idle(options_.baseline); !status.ok()) return status;
  const absl::StatusOr<bool> read = AwaitReadings(begin, true);
  if (!read.ok()) return read.status();
  facts_.read_before = *read;
  if (EdgeRateHz() == header_.requested_hz()) return absl::OkStatus();
  absl::Status rate = parts_.sampler->SetRate(header_.requested_hz());
  parts_.sampler->TakeStats();  // counts what was asked for
  return rate;
}

absl::Status RunSession::Measure() {
  const std::vector<ReadingTally::Rail> before = tally_.Count();
  const uint32_t iterations = job_.spec().iterations();
  absl::Status status = driver_->RunBlock(v1::PHASE_MEASURE, 0, iterations);
  if (!status.ok()) return status;
  const std::vector<ReadingTally::Rail> after = tally_.Count();
  for (size_t i = 0; i < after.size(); ++i) {
    facts_.rails.push_back(
        {.rail = after[i].rail, .readings = after[i].readings - before[i].readings});
  }
  facts_.iterations = iterations;
  return status;
}

absl::Status RunSession::Tail() {
  const MonotonicTime begin = clock_.Now();
  if (EdgeRateHz() != header_.requested_hz()) {
    facts_.sources = parts_.sampler->TakeStats();
    if (absl::Status rate = parts_.sampler->SetRate(EdgeRateHz()); !rate.ok()) return rate;
  }
  if (absl::Status status = driver_->Idle(options_.tail); !status.ok()) return status;
  const absl::StatusOr<bool> read = AwaitReadings(begin, false);
  if (!read.ok()) return read.status();
  facts_.read_after = *read;
  return absl::OkStatus();
}

// The first iteration finds the shapes; what follows knows its operators.
absl::Status RunSession::Warmup() {
  absl::Status status = driver_->RunBlock(v1::PHASE_WARMUP, 0, 1);
  if (!status.ok()) return status;
  v1::RunRecord record;
  *record.mutable_operators() = driver_->operators();
  recorder_->OnRecord(record);
  if (parts_.simulation != nullptr) parts_.simulation->SetOperators(driver_->operators());
  const uint32_t rest = job_.spec().warmup() - 1;
  return rest == 0 ? status : driver_->RunBlock(v1::PHASE_WARMUP, 1, rest);
}

void RunSession::SetPhase(v1::Phase phase) {
  phase_ = phase;
  v1::RunRecord record;
  record.mutable_phase()->set_phase(phase);
  record.mutable_phase()->set_at_ns(clock_.Now().ns);
  recorder_->OnRecord(record);
  next_report_ = clock_.Now();  // a change of phase is told at once
  ReportProgress(driver_->activity());
}

void RunSession::AddNotice(const char* code, std::string text) {
  v1::RunRecord record;
  record.mutable_notice()->set_at_ns(clock_.Now().ns);
  record.mutable_notice()->set_code(code);
  record.mutable_notice()->set_text(std::move(text));
  recorder_->OnRecord(record);
}

void RunSession::AddRunNotices() {
  if (parts_.simulation != nullptr) {
    for (std::string& line : parts_.simulation->Disclaimers()) {
      AddNotice("simulated", std::move(line));
    }
  }
  if (cores_.job.empty()) {
    AddNotice(
        "cores_shared",
        fmt::format("the job's {} threads need all {} CPUs, so the daemon's threads share them",
                    job_.spec().threads(), parts_.cpus.size()));
  }
}

absl::Status RunSession::OnTick(const MarkerFeed::Activity& activity,
                                const std::vector<Marker>& markers) {
  if (!recorder_) return absl::OkStatus();
  if (!markers.empty()) recorder_->OnMarkers(markers);
  ReportProgress(activity);
  absl::Status status = recorder_->status();
  if (status.ok()) return status;
  return absl::Status(status.code(), fmt::format("the run's records could not be written: {}",
                                                 std::string(status.message())));
}

void RunSession::ReportProgress(const MarkerFeed::Activity& activity) {
  const auto& current = activity.current;
  const bool here = current.has_value() && current->phase == static_cast<uint32_t>(phase_);
  const uint32_t iteration = here ? current->iteration : 0;
  std::optional<uint32_t> op;
  if (here && current->op < driver_->operator_count()) op = current->op;
  parts_.telemetry->SetActivity(job_.run_id(), phase_, iteration, op);
  const MonotonicTime now = clock_.Now();
  if (now < next_report_) return;
  next_report_ = now + options_.progress_period;
  progress_({.phase = phase_,
             .iteration = iteration,
             .power_w = parts_.telemetry->TopRailPower().value_or(0),
             .chunks = recorder_->chunks()});
}

int RunSession::KillLeftBehind() {
  const int in_cgroup = parts_.cgroup != nullptr ? parts_.cgroup->KillAll() : 0;
  return std::max(in_cgroup, KillStrays());
}

void RunSession::StopRecording(const absl::Status& result) {
  if (phase_ != v1::PHASE_IDLE) SetPhase(v1::PHASE_IDLE);
  const absl::Status stopped = driver_->Stop(result.ok());
  if (!stopped.ok()) AddNotice("engine_end", std::string(stopped.message()));
  if (parts_.simulation != nullptr) truth_ = parts_.simulation->EndRun();
  parts_.sampler->RemoveSink(&tally_);
  parts_.sampler->RemoveSink(recorder_.get());
  std::vector<v1::SourceStats> sources = parts_.sampler->TakeStats();
  if (facts_.sources.empty()) facts_.sources = std::move(sources);
  if (absl::Status rate = parts_.sampler->SetRate(options_.idle_rate_hz); !rate.ok()) {
    spdlog::error("{}", rate.ToString());
  }
  parts_.telemetry->SetActivity("", v1::PHASE_IDLE, 0, std::nullopt);
  if (!cores_.daemon.empty()) parts_.pin(parts_.cpus);
  if (const int64_t error = driver_->activity().worst_clock_error_ns; error > kMaxClockErrorNs) {
    AddNotice("clock_astray", ClockErrorText(error));
  }
  if (const int strays = KillLeftBehind(); strays > 0) {
    AddNotice("strays_killed",
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
  facts_.records_dropped = recorder_->dropped();
  facts_.garbage =
      activity.ring.ok() ? activity.first_garbage : std::string(activity.ring.message());
  for (size_t i = 0; i < parts_.sampler->source_count(); ++i) {
    const absl::Status status = parts_.sampler->source_status(i);
    if (!status.ok()) facts_.failed_sources.emplace_back(status.message());
  }
  const Judgement judgement = Judge(facts_);

  v1::RunEnd end;
  end.set_end_ns(clock_.Now().ns);
  end.set_state(facts_.state);
  end.set_error(facts_.error);
  end.set_verdict(judgement.verdict);
  end.mutable_reasons()->Assign(judgement.reasons.begin(), judgement.reasons.end());
  end.mutable_sampling()->mutable_sources()->Assign(facts_.sources.begin(), facts_.sources.end());
  end.mutable_sampling()->set_daemon_cpu_s(ProcessCpuSeconds() - cpu_s_at_begin_);
  end.set_markers(activity.markers);
  end.set_markers_dropped(activity.dropped);
  return end;
}

JobOutcome RunSession::Finish(v1::RunEnd end) {
  const absl::Status finished = recorder_->Finish(end);
  JobOutcome outcome = {.state = end.state(), .error = end.error(), .chunks = recorder_->chunks()};
  if (!finished.ok()) {
    // A full disk most often. The space that was kept back takes the end.
    recorder_.reset();
    unlink(folder_.Reserve().c_str());
    if (end.state() == v1::JOB_STATE_DONE) {
      end.set_state(v1::JOB_STATE_FAILED);
      end.set_verdict(v1::VERDICT_INVALID);
      end.set_error(fmt::format("the run's records could not be written: {}",
                                std::string(finished.message())));
      end.add_reasons("job_failed: " + end.error());
    }
    outcome.state = end.state();
    outcome.error = end.error();
    const absl::StatusOr<ClosedSpool> closed =
        CloseSpool(folder_.Spool(), header_, end, Sync::kYes);
    outcome.chunks = closed.ok() ? closed->chunks : 0;
    if (!closed.ok()) spdlog::error("Closing {}: {}", job_.run_id(), closed.status().ToString());
  }
  outcome.has_truth = WriteTruth();
  outcome.verdict = end.verdict();
  outcome.reasons.assign(end.reasons().begin(), end.reasons().end());
  const absl::Status logged = ReplaceFile(folder_.WorkerLog(), driver_->log(), Sync::kNo);
  if (!logged.ok()) spdlog::warn("{}", logged.ToString());
  return outcome;
}

// Apart from the records: nothing that computes from those can see it. Not synced here, since a
// daemon that is to end has 2 s: the queue has it synced.
bool RunSession::WriteTruth() {
  if (!truth_.has_value()) return false;
  const absl::Status status = ReplaceFile(folder_.Truth(), truth_->SerializeAsString(), Sync::kNo);
  if (!status.ok()) spdlog::error("Writing the truth of {}: {}", job_.run_id(), status.ToString());
  return status.ok();
}

}  // namespace synergy
