#include "daemon/power/simulated_board.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/power/counter_noise.h"

namespace synergy::sim {
namespace {

// An execution that is told late is looked up this far back.
constexpr Nanoseconds kKept = Milliseconds(100);
// A sensor that nobody reads any more does not keep the past for ever.
constexpr Nanoseconds kLongestKept = Milliseconds(60'000);

// Counters of energy begin this much before their end at most, so that they wrap within minutes.
constexpr double kJoulesBeforeWrap = 2000;
// "Approximately" a millisecond, and a gauge's second, are drawn from within this.
constexpr double kCounterTolerance = 0.05;

size_t RailIndex(const SimulationProfile& simulation, std::string_view name) {
  return static_cast<size_t>(std::ranges::find(simulation.rails, name, &SimulatedRail::name) -
                             simulation.rails.begin());
}

std::vector<std::string> NamesOf(const SimulationProfile& simulation) {
  std::vector<std::string> names;
  for (const SimulatedRail& rail : simulation.rails) names.push_back(rail.name);
  return names;
}

double Oscillator(uint64_t seed, std::string_view what) {
  return 1 + kCounterTolerance * (2 * UniformDraw(MixHash(seed, what), 0) - 1);
}

}  // namespace

double SimulatedBoard::Tap::MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) {
  return board_.MeanCurrent(rail, begin, end);
}
double SimulatedBoard::Tap::MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) {
  return board_.MeanVoltage(rail, begin, end);
}
double SimulatedBoard::Tap::MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) {
  return board_.MeanPower(rail, begin, end);
}
void SimulatedBoard::Tap::ForgetBefore(MonotonicTime time) {
  absl::MutexLock lock(&board_.mutex_);
  needed_ = time;
  board_.Forget();
}

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
  std::shared_ptr<SimulatedBoard> board(
      new SimulatedBoard(profile, sensors, *std::move(checked), clock));
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
      set_point_(simulation_.points.back()),
      point_(set_point_),
      power_(simulation_, clock.Now(), point_),
      unknown_(LoadOfUnknown({.cores = simulation_.cores, .frequency_hz = point_.frequency_hz})) {}

SimulatedBoard::Tap& SimulatedBoard::AddTap() { return taps_.emplace_back(*this, clock_.Now()); }

void SimulatedBoard::AttachChips(const std::vector<SensorProfile>& sensors, uint64_t seed) {
  bus_ = std::make_shared<SimI2cBus>(sensors.front().bus, sensors.front().bit_rate_hz, clock_);
  FaultyRegisterBus::RailOf rails;
  for (const SensorProfile& sensor : sensors) {
    // Pins without a rail have no shunt: they see the supply and no current.
    std::array<Ina3221Input, ina3221::kChannels> inputs{};
    for (const SensorChannelProfile& channel : sensor.channels) {
      inputs[channel.number - 1] = {.rail = RailIndex(simulation_, channel.rail),
                                    .shunt_ohm = channel.shunt_ohm};
      rails[{sensor.address, channel.number - 1}] = channel.rail;
    }
    auto chip = std::make_unique<Ina3221Chip>(
        Ina3221ChipOptions{.seed = MixHash(seed, sensor.address),
                           .noise_steps = sensors_.noise_steps,
                           .oscillator_tolerance = sensors_.oscillator_tolerance,
                           .gain_tolerance = sensors_.gain_tolerance},
        inputs, AddTap(), clock_.Now());
    chips_.push_back(chip.get());
    bus_->Attach(sensor.address, std::move(chip));
  }
  faulty_ = std::make_shared<FaultyRegisterBus>(bus_, faults_, std::move(rails));
}

// "package-0" is the zone intel-rapl:0, "package-0 core" one of those below it.
void SimulatedBoard::AddZones(uint64_t seed) {
  int below = 0;
  for (size_t i = 0; i < simulation_.rails.size(); ++i) {
    const std::string& rail = simulation_.rails[i].name;
    const size_t space = rail.find(' ');
    const bool top = space == std::string::npos;
    const std::string folder =
        "class/powercap/intel-rapl:0" + (top ? "" : fmt::format(":{}", below++)) + "/";
    SimulatedEnergyCounter& counter = counters_.emplace_back(
        SimulatedRailView{.rail = rail,
                          .index = i,
                          .trace = &AddTap(),
                          .faults = faults_.get(),
                          .clock = &clock_},
        kJoulesBeforeWrap * UniformDraw(MixHash(seed, "wrap"), i), Oscillator(seed, "rapl"));
    tree_.Add(folder + "name", top ? rail : rail.substr(space + 1));
    tree_.Add(folder + "max_energy_range_uj", fmt::format("{}", SimulatedEnergyCounter::kRangeUj));
    tree_.Add(folder + "energy_uj", [&counter] { return counter.Read(); });
  }
}

void SimulatedBoard::AddBattery(uint64_t seed) {
  const std::string& rail = simulation_.rails.front().name;
  SimulatedGauge& gauge = gauge_.emplace(
      SimulatedRailView{
          .rail = rail, .index = 0, .trace = &AddTap(), .faults = faults_.get(), .clock = &clock_},
      Oscillator(seed, "gauge"));
  const std::string folder = fmt::format("class/power_supply/{}/", rail);
  tree_.Add(folder + "type", "Battery");
  tree_.Add(folder + "status", "Discharging");
  tree_.Add(folder + "current_now", [&gauge] { return gauge.ReadCurrent(); });
  tree_.Add(folder + "voltage_now", [&gauge] { return gauge.ReadVoltage(); });
}

std::shared_ptr<RegisterBus> SimulatedBoard::BusOf(const std::shared_ptr<SimulatedBoard>& board) {
  return {board, board->faulty_.get()};
}

std::shared_ptr<SysfsTree> SimulatedBoard::TreeOf(const std::shared_ptr<SimulatedBoard>& board) {
  return {board, &board->tree_};
}

void SimulatedBoard::BeginRun(const Run& run, ActivityFeed* feed) {
  if (bus_ != nullptr) {
    bus_->BetweenTransactions([&](MonotonicTime now) {
      for (Ina3221Chip* chip : chips_) chip->SeedNoise(run.seed, now);
    });
  }
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  executions_.Clear();
  truth_ = TruthLog();
  run_ = run;
  feed_ = feed;
  operators_.Clear();
  RebuildLoads();
}

void SimulatedBoard::SetOperators(const v1::OperatorTable& operators) {
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  operators_ = operators;
  RebuildLoads();
}

v1::RunTruth SimulatedBoard::EndRun() {
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  feed_ = nullptr;
  executions_.Clear();
  v1::RunTruth truth = truth_.Take(simulation_.rails.size());
  truth.set_run_id(run_.run_id);
  for (const SimulatedRail& rail : simulation_.rails) truth.add_rails(rail.name);
  return truth;
}

std::vector<std::string> SimulatedBoard::Disclaimers() const {
  absl::MutexLock lock(&mutex_);
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
  lines.push_back("the operators' durations are this machine's own, not those of the board");
  lines.push_back(
      fmt::format("simulated clocks do not change the durations: the model's CPU is at {:.0f} MHz",
                  point_.frequency_hz * 1e-6));
  return lines;
}

absl::Status SimulatedBoard::SetCpuFrequency(double hz) {
  const auto& points = simulation_.points;
  const auto point = std::ranges::find(points, hz, &CpuOperatingPoint::frequency_hz);
  if (point == points.end()) {
    return absl::InvalidArgumentError(
        fmt::format("the simulated CPU cannot run at {:.1f} MHz; it has {} frequencies from {:.1f} "
                    "to {:.1f} MHz",
                    hz * 1e-6, points.size(), points.front().frequency_hz * 1e-6,
                    points.back().frequency_hz * 1e-6));
  }
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  set_point_ = *point;
  SetPoint(set_point_);
  return absl::OkStatus();
}

void SimulatedBoard::SetPoint(const CpuOperatingPoint& point) {
  point_ = point;
  power_.SetOperatingPoint(point_);
  RebuildLoads();
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

void SimulatedBoard::FollowThrottling() {
  const std::optional<int64_t> khz = throttled_khz();
  CpuOperatingPoint wanted = set_point_;
  for (const CpuOperatingPoint& point : simulation_.points) {
    const bool held = khz && std::llround(point.frequency_hz / 1000) == *khz;
    if (held && point.frequency_hz < set_point_.frequency_hz) wanted = point;
  }
  if (wanted.frequency_hz != point_.frequency_hz) SetPoint(wanted);
}

double SimulatedBoard::temperature_c() {
  absl::MutexLock lock(&mutex_);
  Advance(clock_.Now());
  return power_.temperature_c();
}

double SimulatedBoard::MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) {
  absl::MutexLock lock(&mutex_);
  if (end > power_.end()) Advance(end);
  return power_.MeanCurrent(rail, begin, end);
}

double SimulatedBoard::MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) {
  absl::MutexLock lock(&mutex_);
  if (end > power_.end()) Advance(end);
  return power_.MeanVoltage(rail, begin, end);
}

double SimulatedBoard::MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) {
  absl::MutexLock lock(&mutex_);
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
  const CpuUse use{
      .threads = run_.threads, .cores = simulation_.cores, .frequency_hz = point_.frequency_hz};
  unknown_ = LoadOfUnknown(use);
  loads_.clear();
  for (const v1::OperatorInfo& op : operators_.operators()) {
    loads_.push_back(LoadOf(op, use));
    loads_.back().deviation = DeviationOf(run_.net_name, op);
  }
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
      [this](MonotonicTime end, std::span<Execution* const> running) {
        running_.clear();
        for (const Execution* e : running) running_.push_back(Load(e->op));
        truth_.OnPiece(power_.Extend(end, running_), running);
      },
      [this](const Execution& ended) { truth_.OnEnded(ended); });
  FollowThrottling();  // from here on
}

}  // namespace synergy::sim
