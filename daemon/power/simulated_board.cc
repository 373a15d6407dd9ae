#include "daemon/power/simulated_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

namespace synergy::sim {
namespace {

// An execution that is told late is looked up this far back.
constexpr Nanoseconds kKept = Milliseconds(100);
// A sensor that nobody reads any more does not keep the past for ever.
constexpr Nanoseconds kLongestKept = Milliseconds(60'000);
// How often the operators' power changes where it varies.
constexpr int64_t kVariationNs = 25'000;

std::vector<std::string> NamesOf(const SimulationProfile& simulation) {
  std::vector<std::string> names;
  for (const SimulatedRail& rail : simulation.rails) names.push_back(rail.name);
  return names;
}

}  // namespace

absl::StatusOr<std::shared_ptr<SimulatedBoard>> SimulatedBoard::Create(
    const BoardProfile& profile, uint64_t seed, const SimulatedSensorOptions& sensors, Clock& clock,
    std::vector<SimulatedFault> faults) {
  if (!profile.simulation.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("the profile of {} does not say how to simulate it", profile.id));
  }
  auto checked =
      SimulatedFaults::Create(std::move(faults), NamesOf(*profile.simulation), seed, clock);
  if (!checked.ok()) return checked.status();
  const bool has_chip = profile.simulation->sensor == SimulatedSensor::kIna3221;
  if (absl::Status fits = (*checked)->FitSensor(has_chip); !fits.ok()) return fits;
  SimulatedSensorOptions options = sensors;
  options.noise_steps = (*checked)->NoiseSteps().value_or(options.noise_steps);
  options.gain_tolerance = (*checked)->GainTolerance().value_or(options.gain_tolerance);
  std::shared_ptr<SimulatedBoard> board(
      new SimulatedBoard(profile, options, *std::move(checked), clock));
  switch (board->simulation_.sensor) {
    case SimulatedSensor::kIna3221:
      board->AttachChips(profile.sensors, seed);
      break;
    case SimulatedSensor::kRapl:
      board->AddZones(seed);
      break;
    case SimulatedSensor::kBattery:
      board->AddBattery(seed);
      break;
  }
  return board;
}

SimulatedBoard::SimulatedBoard(const BoardProfile& profile, const SimulatedSensorOptions& sensors,
                               std::shared_ptr<SimulatedFaults> faults, Clock& clock)
    : clock_(clock),
      sensors_(sensors),
      title_(profile.title),
      simulation_(*profile.simulation),
      faults_(std::move(faults)),
      cpu_(simulation_),
      busy_(cpu_.Point(true)),
      idle_(cpu_.Point(false)),
      cores_on_(cpu_.cores_on()),
      power_(simulation_, clock.Now() - faults_->LongestDelay(), idle_) {
  RebuildLoads();
  if (!faults_->HasPowerDrift()) return;
  // Relative to what is drawn while one core works at the fastest clock.
  const OperatorLoad load =
      LoadOfUnknown({.threads = 1, .cores = cores_on_, .frequency_hz = busy_.frequency_hz});
  const BoardPower usual = PowerOf(simulation_, {&load, 1}, busy_, power_.temperature_c());
  power_.SetExtra([this, usual](MonotonicTime at) {
    const double share = faults_->PowerDrift(at);
    BoardPower extra{.all_w = share * usual.all_w};
    for (size_t rail = 0; rail < kRails; ++rail) extra.watts[rail] = share * usual.watts[rail];
    return extra;
  });
}

void SimulatedBoard::BeginFaults() {
  faults_->Begin();
  if (bus_ == nullptr) return;
  bus_->BetweenTransactions([this](MonotonicTime) {
    for (Ina3221Chip* chip : chips_) chip->SetDrift(faults_->SensorDrift());
  });
}

void SimulatedBoard::BeginRun(const Run& run, ActivityFeed* feed) {
  if (bus_ != nullptr) {
    bus_->BetweenTransactions([&](MonotonicTime now) {
      for (Ina3221Chip* chip : chips_) chip->SeedNoise(run.seed, now);
    });
  }
  const std::lock_guard lock(mutex_);
  Advance(clock_.Now());
  executions_.Clear();
  truth_ = TruthLog();
  run_ = run;
  feed_ = feed;
  operators_.Clear();
  RebuildLoads();
}

void SimulatedBoard::SetOperators(const v1::OperatorTable& operators) {
  const std::lock_guard lock(mutex_);
  Advance(clock_.Now());
  operators_ = operators;
  RebuildLoads();
}

v1::RunTruth SimulatedBoard::EndRun() {
  const std::lock_guard lock(mutex_);
  Advance(clock_.Now());
  feed_ = nullptr;
  executions_.Clear();
  v1::RunTruth truth = truth_.Take(simulation_.rails.size());
  truth.set_run_id(run_.run_id);
  for (const SimulatedRail& rail : simulation_.rails) truth.add_rails(rail.name);
  return truth;
}

std::vector<std::string> SimulatedBoard::Disclaimers() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines = {
      fmt::format("power, temperature and readings come from a model of this board ({}), not from "
                  "a measurement",
                  title_)};
  if (bus_ != nullptr) {
    lines.push_back(fmt::format(
        "the sensor's model has {:.2g} steps of noise per conversion, an oscillator within {:.3g} "
        "% and gains within {:.3g} % of nominal",
        sensors_.noise_steps, 100 * sensors_.oscillator_tolerance, 100 * sensors_.gain_tolerance));
  }
  for (std::string& note : faults_->Notes()) lines.push_back(std::move(note));
  if (run_.modelled_times) {
    lines.push_back(
        "virtual time: no engine ran; the operators' durations come from a model of the board at "
        "the clock that it begins with");
    return lines;
  }
  lines.push_back(
      fmt::format("the operators' durations are this machine's own, not those of the board, and do "
                  "not follow the simulated clocks: power does ({:.0f} MHz under load at the run's "
                  "begin), so joules at different clocks or under throttling do not compare",
                  busy_.frequency_hz * 1e-6));
  return lines;
}

void SimulatedBoard::SetCpuSpeeds(const std::vector<CpuSpeed>& policies) {
  const std::lock_guard lock(mutex_);
  Advance(clock_.Now());
  cpu_.SetSpeeds(policies);
  FollowCpu();
}

int64_t SimulatedBoard::CpuKhz(size_t policy) {
  const std::lock_guard lock(mutex_);
  Advance(clock_.Now());
  return cpu_.Khz(policy, working_ || power_.end() < cpu_.rests_from());
}

std::optional<int64_t> SimulatedBoard::throttled_khz() {
  const std::optional<double> mhz = faults_->ThrottledMhz();
  if (!mhz) return std::nullopt;
  const double most_hz = *mhz > 0 ? *mhz * 1e6 : simulation_.points.back().frequency_hz / 2;
  // The fastest that is not above it; the slowest there is.
  double hz = simulation_.points.front().frequency_hz;
  for (const CpuOperatingPoint& point : simulation_.points) {
    if (point.frequency_hz <= most_hz) hz = point.frequency_hz;
  }
  return std::llround(hz / 1000);
}

void SimulatedBoard::FollowCpu() {
  cpu_.HoldBack(throttled_khz());
  const double before_hz = busy_.frequency_hz;
  const uint32_t cores_before = cores_on_;
  busy_ = cpu_.Point(true);
  idle_ = cpu_.Point(false);
  cores_on_ = cpu_.cores_on();
  if (busy_.frequency_hz != before_hz || cores_on_ != cores_before) RebuildLoads();
}

double SimulatedBoard::temperature_c() {
  const std::lock_guard lock(mutex_);
  Advance(clock_.Now());
  return power_.temperature_c();
}

double SimulatedBoard::MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) {
  const std::lock_guard lock(mutex_);
  if (end > power_.end()) Advance(end);
  return power_.MeanCurrent(rail, begin, end);
}

double SimulatedBoard::MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) {
  const std::lock_guard lock(mutex_);
  if (end > power_.end()) Advance(end);
  return power_.MeanVoltage(rail, begin, end);
}

double SimulatedBoard::MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) {
  const std::lock_guard lock(mutex_);
  if (end > power_.end()) Advance(end);
  return power_.MeanPower(rail, begin, end);
}

void SimulatedBoard::Forget() {
  MonotonicTime needed = power_.end() - kKept;
  for (const Tap& tap : taps_) needed = std::min(needed, tap.needed_);
  power_.ForgetBefore(std::max(needed, power_.end() - kLongestKept));
}

const OperatorLoad& SimulatedBoard::Load(uint32_t op) const {
  static const OperatorLoad loading = LoadOfLoading(), filling = LoadOfFilling();
  if (op == kOpLoad) return loading;
  if (op == kOpInit) return filling;
  return op < loads_.size() ? loads_[op] : unknown_;
}

void SimulatedBoard::RebuildLoads() {
  const CpuUse use{.threads = run_.threads, .cores = cores_on_, .frequency_hz = busy_.frequency_hz};
  unknown_ = LoadOfUnknown(use);
  loads_.clear();
  for (const v1::OperatorInfo& op : operators_.operators()) {
    loads_.push_back(LoadOf(op, use));
    loads_.back().deviation = DeviationOf(run_.net_name, op) * run_.energy_scale;
  }
}

void SimulatedBoard::AddIdle(MonotonicTime end) {
  if (end > power_.end()) truth_.OnPiece(power_.Extend(end, {}), {});
}

void SimulatedBoard::AddPiece(MonotonicTime end, std::span<Execution* const> running) {
  working_ = !running.empty();
  if (!working_) {
    power_.SetOperatingPoint(busy_);
    AddIdle(std::min(end, cpu_.rests_from()));
    power_.SetOperatingPoint(idle_);
    AddIdle(end);
    return;
  }
  while (power_.end() < end) AddWork(NextChange(end), running);
  cpu_.Worked(end);
}

MonotonicTime SimulatedBoard::NextChange(MonotonicTime end) const {
  if (faults_->PowerVariation(power_.end()) == 0) return end;
  return std::min(end, {power_.end().ns - power_.end().ns % kVariationNs + kVariationNs});
}

void SimulatedBoard::AddWork(MonotonicTime end, std::span<Execution* const> running) {
  running_.clear();
  double cores = 0;
  for (const Execution* e : running) cores += running_.emplace_back(Load(e->op)).cores;
  if (const double share = faults_->PowerVariation(power_.end()); share > 0) {
    // At the grid's points, so that it does not matter when the board is looked at.
    const int64_t at_ns = power_.end().ns - power_.end().ns % kVariationNs;
    for (size_t i = 0; i < running.size(); ++i) {
      const Execution& e = *running[i];
      running_[i].deviation *= faults_->PowerFactor(share, e.op, e.iteration,
                                                    {std::max<int64_t>(0, at_ns - e.begin_ns)});
    }
  }
  // More than there are cores take turns.
  const double share = std::min(1.0, static_cast<double>(cores_on_) / cores);
  for (OperatorLoad& load : running_) load.cores *= share;
  power_.SetOperatingPoint(busy_);
  truth_.OnPiece(power_.Extend(end, running_), running);
}

void SimulatedBoard::Advance(MonotonicTime at_least) {
  MonotonicTime until = std::max(at_least, clock_.Now());
  if (feed_ != nullptr) {
    feed_->Poll(&snapshot_);
    until = std::max(at_least, snapshot_.as_of);
    executions_.Take(snapshot_, power_.end(), clock_.Now(),
                     [this](Execution& late, MonotonicTime end) {
                       truth_.OnLate(late, power_.Energy({late.begin_ns}, end, true));
                     });
  }
  executions_.Sweep(
      power_.end(), until,
      [this](MonotonicTime end, std::span<Execution* const> running) { AddPiece(end, running); },
      [this](const Execution& ended) { truth_.OnEnded(ended); });
  FollowCpu();  // from here on
}

}  // namespace synergy::sim
