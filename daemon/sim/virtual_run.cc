#include "daemon/sim/virtual_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "common/counter_noise.h"
#include "common/frequency.h"
#include "common/run_codes.h"
#include "common/virtual_clock.h"
#include "daemon/jobs/reading_tally.h"
#include "daemon/jobs/run_id.h"
#include "daemon/jobs/verdict.h"
#include "daemon/power/board.h"
#include "daemon/sampling/run_recorder.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/spool.h"
#include "daemon/sim/modelled_counts.h"
#include "daemon/sim/modelled_worker.h"
#include "daemon/sim/operator_table.h"
#include "daemon/sim/output_files.h"
#include "daemon/sim/virtual_conditions.h"

namespace synergy::sim {
namespace {

// The first stamp: an hour after boot.
constexpr MonotonicTime kBegin{3'600'000'000'000};
// How late the sampling thread is: 50 us on average, and by up to 4 ms in one tick of 500.
constexpr double kMeanLatenessS = 50e-6;
constexpr double kLongestDelayS = 4e-3;
constexpr double kDelayShare = 0.002;
// The writer of records must not fall behind: how many ticks it may.
constexpr uint64_t kTicksAhead = 10'000;

constexpr char kEngine[] = "modelled";

// Of everything that makes two boards, or two runs on one board, different.
uint64_t BoardKey(const VirtualRunOptions& options) {
  uint64_t key = MixHash(MixHash(options.seed, "board"), options.board);
  for (const SimulatedFault& fault : options.faults) key = MixHash(key, fault.text);
  return key;
}
uint64_t RunKey(const VirtualRunOptions& options, uint32_t batch) {
  uint64_t key =
      options.looped ? MixHash(0, fmt::format("{} {}", *options.looped, options.loop_s)) : 0;
  if (options.slowest) key = MixHash(key, "slowest");
  for (const std::string& event : options.events) key = MixHash(key, event);
  return MixHash(key, fmt::format("{} {} {} {} {} {} {} {} {} {} {}", options.seed,
                                  options.iterations, options.warmup, options.threads, batch,
                                  options.rate_hz, options.idle_s, options.longest_pause_s,
                                  options.cpu_khz, options.energy_scale, options.jitter));
}

// One run, from its first reading to its last.
class Player {
 public:
  Player(const VirtualRunOptions& options, const Model& model, uint32_t batch)
      : options_(options),
        model_(model),
        operators_(OperatorTableOf(model)),
        batch_(batch),
        clock_(kBegin),
        lateness_key_(MixHash(options.seed, "lateness")),
        durations_s_(model.layers.size()) {}

  absl::StatusOr<VirtualRun> Play(const std::string& spool);

 private:
  absl::Status Open(const std::string& spool);
  absl::Status SetClocks();
  v1::JobSpec Spec() const;
  v1::RunHeader Header();
  absl::Status BeginRun(const std::string& run_id);
  void Tick(MonotonicTime until);
  // Markers, and the phases that have begun by now.
  void Follow();
  void BeginPhase(v1::Phase phase, MonotonicTime at);
  void EndMeasured(MonotonicTime at);
  void RecordPhase(v1::Phase phase, MonotonicTime at);
  void OnMeasured(const Marker& marker);
  void RecordCounts();
  Nanoseconds Lateness() const;
  v1::RunEnd MakeEnd();

  const VirtualRunOptions& options_;
  const Model& model_;
  const v1::OperatorTable operators_;
  const uint32_t batch_;
  VirtualClock clock_;
  const uint64_t lateness_key_;
  std::optional<Board> board_;
  std::optional<Sampler> sampler_;
  std::optional<ReadingTally> tally_;
  std::unique_ptr<RunRecorder> recorder_;
  std::optional<OperatorTimes> times_;
  std::optional<ModelledWorker> worker_;
  std::optional<ModelledCounts> counts_;

  std::vector<CpuSpeed> speeds_;  // by policy
  std::optional<VirtualConditions> conditions_;
  uint64_t ticks_ = 0;
  size_t phase_ = 0;  // how many of the phases after the first idle one have begun
  bool operators_told_ = false;
  uint64_t markers_ = 0;
  std::vector<double> durations_s_;  // of measured executions, by operator
  v1::RunRecord counted_;            // of the iteration that runs
  MonotonicTime measured_from_;
  std::vector<ReadingTally::Rail> read_before_;
  RunFacts facts_;
};

v1::JobSpec Player::Spec() const {
  v1::JobSpec spec;
  spec.set_net_name(model_.name);
  spec.set_engine(kEngine);
  spec.set_iterations(options_.iterations);
  spec.set_warmup(options_.warmup);
  spec.set_threads(options_.threads);
  spec.set_batch(batch_);
  spec.set_seed(options_.seed);
  spec.set_rate_hz(options_.rate_hz);
  spec.set_idle_s(options_.idle_s);
  spec.set_longest_pause_s(options_.longest_pause_s);
  spec.set_model_source("zoo");
  spec.mutable_events()->Assign(options_.events.begin(), options_.events.end());
  if (options_.looped) {
    spec.mutable_loop()->set_op(*options_.looped);
    spec.mutable_loop()->set_seconds(options_.loop_s);
  }
  v1::ClockSpeed& cpu = *spec.mutable_clocks()->mutable_cpu();
  if (options_.cpu_khz > 0) {
    cpu.set_khz(options_.cpu_khz);
  } else {
    cpu.set_extreme(options_.slowest ? v1::ClockSpeed::EXTREME_MIN : v1::ClockSpeed::EXTREME_MAX);
  }
  return spec;
}

v1::RunHeader Player::Header() {
  v1::RunHeader header;
  header.set_run_id(MakeRunId(0, model_.name, RunKey(options_, batch_)));
  *header.mutable_job() = Spec();
  *header.mutable_board() = board_->info;
  header.mutable_board()->set_board_id(fmt::format("virtual-{:016x}", BoardKey(options_)));
  header.mutable_board()->add_engines(kEngine);
  header.set_boot_id("virtual");
  header.set_clock("CLOCK_MONOTONIC");
  header.set_begin_ns(clock_.Now().ns);
  header.set_engine_version("modelled, in virtual time");
  header.set_requested_hz(sampler_->rate_hz());
  return header;
}

absl::Status Player::Open(const std::string& spool) {
  absl::StatusOr<Board> board =
      OpenBoard(options_.board, options_.seed, clock_, {.faults = options_.faults});
  if (!board.ok()) return board.status();
  board_ = *std::move(board);
  if (absl::Status set = SetClocks(); !set.ok()) return set;
  sampler_.emplace(std::move(board_->sources), clock_);
  const double hz = options_.rate_hz != 0 ? options_.rate_hz : board_->info.default_rate_hz();
  if (absl::Status rate = sampler_->SetRate(hz); !rate.ok()) return rate;
  tally_.emplace(*sampler_);
  absl::StatusOr<std::unique_ptr<RunSpool>> file = RunSpool::Create(spool);
  if (!file.ok()) return file.status();
  const v1::RunHeader header = Header();
  auto recorder = RunRecorder::Start(header, *sampler_, *std::move(file));
  if (!recorder.ok()) return recorder.status();
  recorder_ = *std::move(recorder);
  return BeginRun(header.run_id());
}

// All policies at what was asked for, or each at its fastest or slowest.
absl::Status Player::SetClocks() {
  for (const SimulatedPolicy& policy : board_->clock_tables.policies) {
    const int64_t extreme_khz = options_.slowest ? policy.khz.front() : policy.khz.back();
    const int64_t khz = options_.cpu_khz > 0 ? options_.cpu_khz : extreme_khz;
    if (std::ranges::find(policy.khz, khz) == policy.khz.end()) {
      std::string all;
      for (const int64_t known : policy.khz) {
        all += (all.empty() ? "" : ", ") + FormatFrequency({known});
      }
      return absl::InvalidArgumentError(fmt::format("--cpu-freq {}: {} has cores that can have: {}",
                                                    FormatFrequency({khz}), options_.board, all));
    }
    speeds_.push_back({.idle_khz = khz, .busy_khz = khz, .cores_on = policy.cores});
  }
  board_->simulation->SetCpuSpeeds(speeds_);
  return absl::OkStatus();
}

absl::Status Player::BeginRun(const std::string& run_id) {
  CpuUse use{.threads = options_.threads};
  int64_t fastest_khz = 0;
  for (const CpuSpeed& speed : speeds_) {
    use.cores += speed.cores_on;
    fastest_khz = std::max(fastest_khz, speed.busy_khz);
  }
  use.frequency_hz = 1e3 * static_cast<double>(fastest_khz);
  times_.emplace(operators_, use, options_.seed, options_.jitter,
                 ShareOfShortOperators(options_.faults));
  if (!options_.events.empty()) {
    absl::StatusOr<ModelledCounts> counts =
        ModelledCounts::Make(options_.events, model_.name, operators_, use, options_.seed, *times_);
    if (!counts.ok()) return counts.status();
    counts_ = *std::move(counts);
  }
  worker_.emplace(WorkPlan{.begin = clock_.Now() + Seconds(options_.idle_s),
                           .warmup = options_.warmup,
                           .iterations = options_.iterations,
                           .longest_pause = Seconds(options_.longest_pause_s),
                           .seed = options_.seed,
                           .looped = options_.looped,
                           .loop = Seconds(options_.loop_s)},
                  *times_, clock_);
  board_->simulation->BeginRun({.run_id = run_id,
                                .net_name = model_.name,
                                .seed = options_.seed,
                                .threads = options_.threads,
                                .energy_scale = options_.energy_scale,
                                .modelled_times = true},
                               &*worker_);
  sampler_->AddSink(recorder_.get());
  sampler_->AddSink(&*tally_);
  RecordPhase(v1::PHASE_IDLE, clock_.Now());
  conditions_.emplace(*board_, speeds_, clock_, *recorder_);
  for (std::string& line : board_->simulation->Disclaimers()) {
    v1::RunRecord record;
    record.mutable_notice()->set_at_ns(clock_.Now().ns);
    record.mutable_notice()->set_code(std::string(CodeName(NoticeCode::kSimulated)));
    record.mutable_notice()->set_text(std::move(line));
    recorder_->OnRecord(record);
  }
  return absl::OkStatus();
}

void Player::RecordPhase(v1::Phase phase, MonotonicTime at) {
  v1::RunRecord record;
  record.mutable_phase()->set_phase(phase);
  record.mutable_phase()->set_at_ns(at.ns);
  recorder_->OnRecord(record);
}

Nanoseconds Player::Lateness() const {
  const double draw = UniformDraw(lateness_key_, ticks_);
  const bool delayed = UniformDraw(MixHash(lateness_key_, 1), ticks_) < kDelayShare;
  return Seconds(delayed ? kLongestDelayS * draw : -kMeanLatenessS * std::log(draw));
}

void Player::Tick(MonotonicTime until) {
  const std::optional<MonotonicTime> due = sampler_->NextDue();
  clock_.SleepUntil(std::min(due.value_or(until) + Lateness(), until));
  Follow();
  conditions_->Follow();
  if (due && clock_.Now() >= *due) sampler_->TickNext();
  if (++ticks_ % kTicksAhead == 0) recorder_->AwaitWriter();
}

void Player::BeginPhase(v1::Phase phase, MonotonicTime at) {
  if (phase == v1::PHASE_MEASURE && counts_) {
    v1::RunRecord record;
    *record.mutable_counted() = counts_->Counted();
    recorder_->OnRecord(record);
  }
  RecordPhase(phase, at);
  if (phase == v1::PHASE_SETUP) {
    facts_.read_before = tally_->AllReadSince(kBegin, /*voltages=*/true);
  } else if (phase == v1::PHASE_MEASURE) {
    conditions_->BeginMeasuring();
    measured_from_ = at;
    read_before_ = tally_->Count();
  } else if (phase == v1::PHASE_LOOP || (phase == v1::PHASE_IDLE && !options_.looped)) {
    EndMeasured(at);
  }
}

void Player::EndMeasured(MonotonicTime at) {
  VirtualConditions::Seen seen = conditions_->EndMeasuring(VerdictLimits().clock_away);
  facts_.moved_clocks = std::move(seen.moved);
  facts_.throttled = std::move(seen.throttled);
  facts_.measured_s = (at - measured_from_).seconds();
  const std::vector<ReadingTally::Rail> after = tally_->Count();
  for (size_t i = 0; i < after.size(); ++i) {
    facts_.rails.push_back({after[i].rail, after[i].readings - read_before_[i].readings,
                            after[i].window_s, after[i].repeats - read_before_[i].repeats,
                            after[i].separates});
  }
}

void Player::OnMeasured(const Marker& marker) {
  ++facts_.measured;
  durations_s_[marker.op] += Nanoseconds{marker.end_ns - marker.begin_ns}.seconds();
  if (counts_) {
    counts_->Add(marker, uint64_t{options_.warmup} + marker.iteration, counted_.mutable_counts());
  }
}

// Of the iteration that has ended.
void Player::RecordCounts() {
  if (!counts_) return;
  recorder_->OnRecord(counted_);
  counted_.Clear();
}

void Player::Follow() {
  const std::vector<Marker> markers = worker_->TakeMarkers();
  using Begin = std::pair<v1::Phase, std::optional<MonotonicTime>>;
  std::vector<Begin> begins = {{v1::PHASE_SETUP, worker_->begin()},
                               {v1::PHASE_WARMUP, worker_->warmup_begin()},
                               {v1::PHASE_MEASURE, worker_->measure_begin()}};
  if (options_.looped) begins.emplace_back(v1::PHASE_LOOP, worker_->loop_begin());
  begins.emplace_back(v1::PHASE_IDLE, worker_->end());
  for (; phase_ < begins.size(); ++phase_) {
    const auto& [phase, at] = begins[phase_];
    if (!at || *at > clock_.Now()) break;
    BeginPhase(phase, *at);
  }
  if (markers.empty()) return;
  markers_ += markers.size();
  for (const Marker& m : markers) {
    if (m.op == kOpNet && !operators_told_) {
      operators_told_ = true;
      v1::RunRecord record;
      *record.mutable_operators() = operators_;
      recorder_->OnRecord(record);
      board_->simulation->SetOperators(operators_);
    }
    if (m.phase == v1::PHASE_MEASURE && m.op < durations_s_.size()) OnMeasured(m);
    if (m.phase == v1::PHASE_MEASURE && m.op == kOpNet) RecordCounts();
  }
  recorder_->OnMarkers(markers);
}

v1::RunEnd Player::MakeEnd() {
  facts_.read_after = tally_->AllReadSince(*worker_->end(), /*voltages=*/false);
  facts_.iterations = options_.iterations;
  facts_.expected = model_.layers.size() * uint64_t{options_.iterations};
  for (const double total_s : durations_s_) {
    facts_.operator_s.push_back(total_s / static_cast<double>(options_.iterations));
  }
  facts_.sources = sampler_->TakeStats();
  facts_.records_dropped = recorder_->dropped();
  facts_.late_stamps = sampler_->doubts();
  facts_.never_changed = tally_->NeverChanged();
  for (size_t i = 0; i < sampler_->source_count(); ++i) {
    const absl::Status status = sampler_->source_status(i);
    if (!status.ok()) facts_.failed_sources.emplace_back(status.message());
  }
  const Judgement judgement = Judge(facts_);
  v1::RunEnd end;
  end.set_end_ns(clock_.Now().ns);
  end.set_state(v1::JOB_STATE_DONE);
  end.set_verdict(judgement.verdict);
  end.mutable_reasons()->Assign(judgement.reasons.begin(), judgement.reasons.end());
  end.mutable_sampling()->mutable_sources()->Assign(facts_.sources.begin(), facts_.sources.end());
  end.set_markers(markers_);
  return end;
}

absl::StatusOr<VirtualRun> Player::Play(const std::string& spool) {
  if (absl::Status opened = Open(spool); !opened.ok()) return opened;
  while (!worker_->end()) Tick(clock_.Now() + Seconds(1));
  for (const MonotonicTime end = *worker_->end() + Seconds(options_.idle_s); clock_.Now() < end;) {
    Tick(end);
  }
  Follow();  // without an idle phase the last markers are still to be taken
  VirtualRun run;
  run.virtual_s = (clock_.Now() - kBegin).seconds();
  run.truth = board_->simulation->EndRun();
  sampler_->RemoveSink(&*tally_);
  sampler_->RemoveSink(recorder_.get());
  recorder_->AwaitWriter();
  run.end = MakeEnd();
  if (absl::Status finished = recorder_->Finish(run.end); !finished.ok()) return finished;
  return run;
}

}  // namespace

absl::StatusOr<VirtualRun> PlayVirtualRun(const VirtualRunOptions& options, const Model& model,
                                          uint32_t batch, const std::string& path) {
  if (!options.board.starts_with(kSimulatedPrefix)) {
    return absl::InvalidArgumentError(fmt::format(
        "--board {}: virtual time needs a simulated board, such as sim:jetson-tx1", options.board));
  }
  absl::StatusOr<OutputFiles> files = OutputFiles::Plan(path);
  if (!files.ok()) return files.status();
  absl::StatusOr<VirtualRun> run = Player(options, model, batch).Play(files->partial());
  if (!run.ok()) return run;
  if (absl::Status published = files->Publish(run->truth); !published.ok()) return published;
  return run;
}

}  // namespace synergy::sim
