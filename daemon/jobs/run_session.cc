#include "daemon/jobs/run_session.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/clock_request.h"
#include "common/files.h"
#include "common/precision_request.h"
#include "common/printable.h"
#include "common/spec_validation.h"
#include "daemon/jobs/cooling.h"
#include "daemon/jobs/engines.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// Lanes beside one for each thread of the job: those that the engine loads with.
constexpr uint32_t kSpareLanes = 4;
constexpr Nanoseconds kReadingStep = Milliseconds(2);
// How much larger a ring is that holds counts behind the markers, a few for each.
constexpr uint32_t kCountingRing = 4;
// Of an engine, beside one for each thread of the job.
constexpr uint32_t kSpareThreads = 16;

// A pack that the job has not, which has no file, stays closed.
absl::Status OpenPack(const std::string& path, bool expected, UniqueFd* fd) {
  absl::StatusOr<UniqueFd> opened = OpenForReading(path);
  if (opened.ok()) *fd = *std::move(opened);
  const bool none = absl::IsNotFound(opened.status()) && !expected;
  return none ? absl::OkStatus() : opened.status();
}

// Twice what all of its threads could use until its time limit: the daemon's own clock comes first.
uint64_t CpuLimitS(const v1::JobSpec& spec) {
  const double limit_s = spec.time_limit_s() > 0 ? spec.time_limit_s() : kDefaultTimeLimitS;
  return static_cast<uint64_t>(std::ceil(2 * limit_s * spec.threads())) + 60;
}

// Those that stay on meanwhile, where the job says which. A simulated board's are not this
// machine's.
std::vector<int> CpusOf(const RunnerParts& parts, const v1::JobSpec& spec) {
  if (spec.clocks().cpus().empty() || parts.simulation != nullptr) return parts.cpus;
  std::vector<int> cpus;
  for (const int cpu : parts.cpus) {
    const auto& on = spec.clocks().cpus();
    if (std::find(on.begin(), on.end(), static_cast<uint32_t>(cpu)) != on.end()) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
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
      cores_(CoresOf(parts, job.spec())),
      recording_(options, parts, job, folder, cores_, progress),
      watch_(parts, recording_) {}

CorePlan RunSession::CoresOf(const RunnerParts& parts, const v1::JobSpec& spec) {
  return PlanCores(CpusOf(parts, spec), spec.threads());
}

JobOutcome RunSession::Run() {
  absl::Status result = PlanCounting();
  if (result.ok()) result = Cool();
  if (result.ok()) result = TakeClocks();
  if (result.ok()) result = Start();
  if (!recording_.started()) {
    if (driver_) driver_->Stop(false).IgnoreError();  // the cause is known
    KillLeftBehind();
    clocks_.reset();
    const bool cancelled = absl::IsCancelled(result);
    return {.state = cancelled ? v1::JOB_STATE_CANCELLED : v1::JOB_STATE_FAILED,
            .error = std::string(result.message())};
  }
  if (result.ok()) result = Conduct();
  Stop(result);
  JobOutcome outcome = recording_.Finish(MakeEnd(result), driver_->log());
  outcome.has_outputs = has_outputs_;
  return outcome;
}

absl::Status RunSession::Cool() {
  if (job_.spec().cool_below_c() <= 0) return absl::OkStatus();
  if (parts_.clocks == nullptr) {
    return absl::FailedPreconditionError("This daemon knows no temperatures");
  }
  return WaitUntilCool(job_.spec(), parts_.clocks->OpenConditions(), UntilCancelled(cancel_),
                       progress_, clock_);
}

absl::Status RunSession::TakeClocks() {
  if (!job_.spec().has_clocks()) return absl::OkStatus();
  if (parts_.clocks == nullptr) {
    return absl::FailedPreconditionError("This daemon cannot set clocks");
  }
  absl::StatusOr<std::unique_ptr<ClockHold>> hold =
      parts_.clocks->Take(job_.spec().clocks(), "run " + job_.run_id());
  if (hold.ok()) clocks_ = *std::move(hold);
  return hold.status();
}

void RunSession::RecordClocks() {
  if (parts_.clocks == nullptr) return;
  const ClockControl::Holding holding = parts_.clocks->Holder();
  clock_changes_ = holding.changes;
  if (clocks_ == nullptr) return NoteHolder(holding);
  v1::RunRecord record;
  *record.mutable_clocks() = clocks_->lease();
  recording_.Record(record);
  for (std::string& line : DescribeDifferences(clocks_->lease())) {
    recording_.AddNotice(NoticeCode::kClocksDiffer, std::move(line));
  }
}

void RunSession::NoteHolder(const ClockControl::Holding& holding) {
  if (!holding.held) return;
  recording_.AddNotice(NoticeCode::kClocksHeld,
                       fmt::format("{} held the clocks when the job began: {}", holding.holder,
                                   DescribeClockRequest(holding.asked)));
}

absl::Status RunSession::Start() {
  if (job_.spec().precision() > 0) {
    v1::BoardInfo board = parts_.board;
    const std::vector<v1::SourceInfo> sources = parts_.sampler->DescribeSources();
    board.mutable_sources()->Assign(sources.begin(), sources.end());
    absl::StatusOr<std::vector<std::string>> rails = PrecisionRails(job_.spec(), board);
    if (!rails.ok()) return rails.status();
    precision_rails_ = *std::move(rails);
  }
  absl::StatusOr<UniqueFd> predict = OpenForReading(folder_.PredictNet());
  if (!predict.ok()) return predict.status();
  absl::StatusOr<UniqueFd> init = OpenForReading(folder_.InitNet());
  if (!init.ok()) return init.status();
  predict_net_ = *std::move(predict);
  init_net_ = *std::move(init);
  absl::Status packs = OpenPack(folder_.Weights(), job_.spec().has_weights(), &weights_);
  if (packs.ok()) {
    packs = OpenPack(folder_.InputValues(), job_.spec().has_input_values(), &input_values_);
  }
  if (!packs.ok()) return packs;

  RingGeometry geometry;
  geometry.lanes = std::max(geometry.lanes, job_.spec().threads() + kSpareLanes);
  if (event_groups_) geometry.capacity *= kCountingRing;
  const absl::StatusOr<int> ring = CreateMarkerRing(geometry);
  if (!ring.ok()) return ring.status();
  ring_.reset(*ring);
  feed_.emplace(ring_.get(), geometry, clock_.Now(), parts_.simulation != nullptr, clock_);
  if (job_.spec().has_load_chirp()) {
    chirps_.emplace(cores_.job.empty() ? CpusOf(parts_, job_.spec()) : cores_.job, *feed_, clock_);
  }
  driver_.emplace(job_.spec(), options_.engine, *feed_, cancel_, clock_,
                  [this](const auto& activity, const auto& markers) {
                    recording_.RecordCounts(feed_->TakeCounts());
                    return recording_.OnTick(activity, markers);
                  });

  WorkerSpec worker;
  worker.launcher = options_.launcher;
  worker.executable = EnginePath(options_.libexec_dir, job_.spec().engine());
  worker.user = options_.engine_user;
  worker.cpus = cores_.job;
  if (parts_.cgroup != nullptr) worker.cgroup = parts_.cgroup->path();
  worker.memory_limit = EngineMemoryLimit();
  worker.cpu_limit_s = CpuLimitS(job_.spec());
  if (event_groups_) {
    worker.more_files = (job_.spec().threads() + kSpareThreads) * event_groups_->events.size();
  }
  const absl::StatusOr<v1::WorkerEvent::Hello> hello =
      driver_->Start(worker, ring_.get(), predict_net_.get(), init_net_.get(),
                     {.weights = weights_.get(), .inputs = input_values_.get()});
  if (!hello.ok()) return hello.status();
  ActivityFeed* const activity = chirps_ ? static_cast<ActivityFeed*>(&*chirps_) : &*feed_;
  absl::Status started =
      recording_.Start(Printable(hello->engine_version(), kMaxEngineVersionBytes), activity);
  if (!recording_.started()) return started;
  RecordClocks();
  if (job_.spec().longest_pause_s() > 0 && !driver_->makes_pauses()) {
    recording_.AddNotice(NoticeCode::kNoPauses,
                         fmt::format("the engine {} is older than pauses: its iterations follow "
                                     "each other back to back, so a sensor that converts in step "
                                     "with them may meet only parts of an operator",
                                     job_.spec().engine()));
  }
  if (parts_.clocks != nullptr) {
    conditions_.emplace(parts_.clocks->OpenConditions(),
                        clocks_ == nullptr ? nullptr : &clocks_->lease(), recording_, clock_);
  }
  return started;
}

absl::Status RunSession::Conduct() {
  absl::Status status = Baseline();
  if (!status.ok()) return status;
  SetPhase(v1::PHASE_SETUP);
  if (status = Load(); !status.ok()) return status;
  SetPhase(v1::PHASE_WARMUP);
  if (status = Warmup(); !status.ok()) return status;
  if (status = BeginCounting(); !status.ok()) return status;
  BeginWatching();
  SetPhase(v1::PHASE_MEASURE);
  status = Measure();
  if (!status.ok()) return status;
  if (status = Loop(); !status.ok()) return status;
  SetPhase(v1::PHASE_IDLE);
  if (status = Tail(); !status.ok()) return status;
  return KeepOutputs();
}

absl::StatusOr<bool> RunSession::AwaitReadings(MonotonicTime since, bool voltages) {
  const MonotonicTime limit = clock_.Now() + options_.reading_patience;
  while (!recording_.tally().AllReadSince(since, voltages)) {
    if (clock_.Now() >= limit) return false;
    if (absl::Status status = driver_->Idle(kReadingStep); !status.ok()) return status;
  }
  return true;
}

Nanoseconds RunSession::AtLeastIdle(Nanoseconds needed) const {
  return std::max(needed, Seconds(job_.spec().idle_s()));
}

absl::Status RunSession::Baseline() {
  absl::Status status = PlayChirp(/*after=*/false);
  if (status.ok()) status = CoolAgain();
  if (!status.ok()) return status;
  const MonotonicTime begin = clock_.Now();
  if (status = driver_->Idle(AtLeastIdle(options_.baseline)); !status.ok()) return status;
  const absl::StatusOr<bool> read = AwaitReadings(begin, true);
  if (!read.ok()) return read.status();
  facts_.read_before = *read;
  if (recording_.EdgeRateHz() == recording_.requested_hz()) return absl::OkStatus();
  absl::Status rate = parts_.sampler->SetRate(recording_.requested_hz());
  parts_.sampler->TakeStats();  // counts what was asked for
  return rate;
}

absl::Status RunSession::Load() {
  absl::Status status = driver_->Load();
  if (!status.ok()) return status;
  recording_.SetOperatorCount(driver_->operator_count());
  AddEngineNotes();
  facts_.expected = uint64_t{driver_->operator_count()} * job_.spec().iterations();
  if (job_.spec().has_loop() && job_.spec().loop().op() >= driver_->operator_count()) {
    return absl::InvalidArgumentError(
        fmt::format("operator {} is to be repeated, and the net has {}, from 0 on",
                    job_.spec().loop().op(), driver_->operator_count()));
  }
  return status;
}

absl::Status RunSession::Tail() {
  const MonotonicTime begin = clock_.Now();
  if (recording_.EdgeRateHz() != recording_.requested_hz()) {
    facts_.sources = parts_.sampler->TakeStats();
    if (absl::Status rate = parts_.sampler->SetRate(recording_.EdgeRateHz()); !rate.ok())
      return rate;
  }
  if (absl::Status status = driver_->Idle(AtLeastIdle(options_.tail)); !status.ok()) return status;
  const absl::StatusOr<bool> read = AwaitReadings(begin, false);
  if (!read.ok()) return read.status();
  facts_.read_after = *read;
  return PlayChirp(/*after=*/true);
}

// The first iteration finds the shapes; what follows knows its operators.
absl::Status RunSession::Warmup() {
  MonotonicTime begin = clock_.Now();
  absl::Status status = driver_->RunBlock(v1::PHASE_WARMUP, 0, 1);
  warmup_iteration_s_ = (clock_.Now() - begin).seconds();
  if (!status.ok()) return status;
  recording_.OnOperators(driver_->operators());
  const uint32_t rest = job_.spec().warmup() - 1;
  if (rest == 0) return status;
  begin = clock_.Now();
  status = driver_->RunBlock(v1::PHASE_WARMUP, 1, rest);
  warmup_iteration_s_ = (clock_.Now() - begin).seconds() / rest;
  return status;
}

void RunSession::AddEngineNotes() {
  for (EngineDriver::Note& note : driver_->TakeNotes()) {
    recording_.AddNotice(note.code, std::move(note.text));
  }
}

void RunSession::SetPhase(v1::Phase phase) { recording_.SetPhase(phase, driver_->activity()); }

}  // namespace synergy
