#include "daemon/power/jetson_tx1_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "daemon/power/counter_noise.h"

namespace synergy::tx1 {
namespace {

// An execution that is told late is looked up this far back.
constexpr Nanoseconds kKept = Milliseconds(100);

constexpr std::array<std::string_view, kRails> kRailNames{"VDD_IN", "VDD_GPU", "VDD_CPU"};

size_t RailIndex(std::string_view name) {
  return static_cast<size_t>(std::ranges::find(kRailNames, name) - kRailNames.begin());
}

absl::Status CheckProfile(const BoardProfile& profile) {
  const bool same =
      std::ranges::equal(profile.SensedRailInfos(), kRailNames, {}, &v1::RailInfo::name);
  if (!same) {
    return absl::InvalidArgumentError(
        fmt::format("the sensors of {} do not measure the rails {}, in this order", profile.id,
                    fmt::join(kRailNames, ", ")));
  }
  if (profile.sensors.size() != 1) {
    return absl::InvalidArgumentError(
        fmt::format("the profile of {} has {} sensors; the simulation has one", profile.id,
                    profile.sensors.size()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<JetsonTx1Model>> JetsonTx1Model::Create(
    const BoardProfile& profile, uint64_t seed, const SimulatedSensorOptions& sensors,
    Clock& clock) {
  if (absl::Status status = CheckProfile(profile); !status.ok()) return status;
  std::shared_ptr<JetsonTx1Model> model(new JetsonTx1Model(profile, sensors, clock));
  model->AttachSensor(profile.sensors.front(), seed);
  return model;
}

JetsonTx1Model::JetsonTx1Model(const BoardProfile& profile, const SimulatedSensorOptions& sensors,
                               Clock& clock)
    : clock_(clock),
      sensors_(sensors),
      rails_(profile.SensedRailInfos()),
      points_(profile.operating_points),
      cores_(profile.cpu_cores),
      point_(points_.back()),
      power_(clock.Now(), point_),
      unknown_(LoadOfUnknown({.cores = cores_, .frequency_hz = point_.frequency_hz})),
      bus_(profile.sensors.front().bus, profile.sensors.front().bit_rate_hz, clock) {}

void JetsonTx1Model::AttachSensor(const SensorProfile& sensor, uint64_t seed) {
  // Pins without a rail have no shunt: they see the supply and no current.
  std::array<Ina3221Input, ina3221::kChannels> inputs{};
  for (const SensorChannelProfile& channel : sensor.channels) {
    inputs[channel.number - 1] = {.rail = RailIndex(channel.rail), .shunt_ohm = channel.shunt_ohm};
  }
  auto chip = std::make_unique<Ina3221Chip>(
      Ina3221ChipOptions{.seed = MixHash(seed, sensor.address),
                         .noise_steps = sensors_.noise_steps,
                         .oscillator_tolerance = sensors_.oscillator_tolerance,
                         .gain_tolerance = sensors_.gain_tolerance},
      inputs, *this, clock_.Now());
  chip_ = chip.get();
  bus_.Attach(sensor.address, std::move(chip));
}

std::shared_ptr<RegisterBus> JetsonTx1Model::BusOf(const std::shared_ptr<JetsonTx1Model>& model) {
  return {model, &model->bus_};
}

void JetsonTx1Model::BeginRun(const Run& run, ActivityFeed* feed) {
  bus_.BetweenTransactions([&](MonotonicTime now) { chip_->SeedNoise(run.seed, now); });
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  executions_.Clear();
  truth_ = TruthLog();
  run_ = run;
  feed_ = feed;
  operators_.Clear();
  RebuildLoads();
}

void JetsonTx1Model::SetOperators(const v1::OperatorTable& operators) {
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  operators_ = operators;
  RebuildLoads();
}

v1::RunTruth JetsonTx1Model::EndRun() {
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  feed_ = nullptr;
  executions_.Clear();
  v1::RunTruth truth = truth_.Take();
  truth.set_run_id(run_.run_id);
  for (const v1::RailInfo& rail : rails_) truth.add_rails(rail.name());
  return truth;
}

std::vector<std::string> JetsonTx1Model::Disclaimers() const {
  absl::MutexLock lock(&mutex_);
  return {
      "power, temperature and readings come from a model of a Jetson TX1, not from a measurement",
      fmt::format(
          "the sensor's model has {:.2g} steps of noise per conversion, an oscillator within "
          "{:.3g} % and gains within {:.3g} % of nominal",
          sensors_.noise_steps, 100 * sensors_.oscillator_tolerance, 100 * sensors_.gain_tolerance),
      "the operators' durations are this machine's own, not a Jetson TX1's",
      fmt::format("simulated clocks do not change the durations: the model's CPU is at {:.0f} MHz",
                  point_.frequency_hz * 1e-6)};
}

absl::Status JetsonTx1Model::SetCpuFrequency(double hz) {
  const auto point = std::ranges::find(points_, hz, &CpuOperatingPoint::frequency_hz);
  if (point == points_.end()) {
    return absl::InvalidArgumentError(
        fmt::format("the simulated CPU cannot run at {:.1f} MHz; it has {} frequencies from {:.1f} "
                    "to {:.1f} MHz",
                    hz * 1e-6, points_.size(), points_.front().frequency_hz * 1e-6,
                    points_.back().frequency_hz * 1e-6));
  }
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  point_ = *point;
  power_.SetOperatingPoint(point_);
  RebuildLoads();
  return absl::OkStatus();
}

double JetsonTx1Model::temperature_c() {
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  return power_.temperature_c();
}

double JetsonTx1Model::MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) {
  absl::MutexLock lock(&mutex_);
  if (end > power_.end()) Advance(end);
  return power_.MeanCurrent(rail, begin, end);
}

double JetsonTx1Model::MeanVoltage(size_t, MonotonicTime begin, MonotonicTime end) {
  absl::MutexLock lock(&mutex_);
  if (end > power_.end()) Advance(end);
  return power_.MeanVoltage(begin, end);
}

void JetsonTx1Model::ForgetBefore(MonotonicTime time) {
  absl::MutexLock lock(&mutex_);
  power_.ForgetBefore(std::min(time, power_.end() - kKept));
}

const OperatorLoad& JetsonTx1Model::Load(uint32_t op) const {
  static const OperatorLoad loading = LoadOfLoading(), filling = LoadOfFilling();
  if (op == kOpLoad) return loading;
  if (op == kOpInit) return filling;
  return op < loads_.size() ? loads_[op] : unknown_;
}

void JetsonTx1Model::RebuildLoads() {
  const CpuUse use{.threads = run_.threads, .cores = cores_, .frequency_hz = point_.frequency_hz};
  unknown_ = LoadOfUnknown(use);
  loads_.clear();
  for (const v1::OperatorInfo& op : operators_.operators()) {
    loads_.push_back(LoadOf(op, use));
    loads_.back().deviation = DeviationOf(run_.net_name, op);
  }
}

void JetsonTx1Model::Advance(MonotonicTime at_least) {
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
      [this](MonotonicTime end, std::span<Execution* const> running) {
        running_.clear();
        for (const Execution* e : running) running_.push_back(Load(e->op));
        truth_.OnPiece(power_.Extend(end, running_), running);
      },
      [this](const Execution& ended) { truth_.OnEnded(ended); });
}

}  // namespace synergy::tx1
