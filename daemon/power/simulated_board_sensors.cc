// The sensors of a simulated board: chips on a bus, counters or a battery. The model is in
// simulated_board.cc.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "common/counter_noise.h"
#include "daemon/power/simulated_board.h"

namespace synergy::sim {
namespace {

// Counters of energy begin this much before their end at most, so that they wrap within minutes.
constexpr double kJoulesBeforeWrap = 2000;
// "Approximately" a millisecond, and a gauge's second, are drawn from within this.
constexpr double kCounterTolerance = 0.05;

size_t RailIndex(const SimulationProfile& simulation, std::string_view name) {
  return static_cast<size_t>(std::ranges::find(simulation.rails, name, &SimulatedRail::name) -
                             simulation.rails.begin());
}

double Oscillator(uint64_t seed, std::string_view what) {
  return 1 + kCounterTolerance * (2 * UniformDraw(MixHash(seed, what), 0) - 1);
}

}  // namespace

// What it is asked for first may lie before its first instant by the longest delay.
SimulatedBoard::Tap::Tap(SimulatedBoard& board)
    : board_(board), needed_(board.clock_.Now() - board.faults_->LongestDelay()) {}

double SimulatedBoard::Tap::MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) {
  const Nanoseconds delay = Delay(end);
  return board_.MeanCurrent(rail, begin - delay, end - delay);
}
double SimulatedBoard::Tap::MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) {
  const Nanoseconds delay = Delay(end);
  return board_.MeanVoltage(rail, begin - delay, end - delay);
}
double SimulatedBoard::Tap::MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) {
  const Nanoseconds delay = Delay(end);
  return board_.MeanPower(rail, begin - delay, end - delay);
}
void SimulatedBoard::Tap::ForgetBefore(MonotonicTime time) {
  const std::lock_guard lock(board_.mutex_);
  needed_ = time - board_.faults_->LongestDelay();
  board_.Forget();
}

SimulatedBoard::Tap& SimulatedBoard::AddTap() { return taps_.emplace_back(*this); }

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

TimeSpan SimulatedBoard::ConversionShown(size_t sensor, uint8_t reg, MonotonicTime at) {
  TimeSpan window;
  bus_->BetweenTransactions([&](MonotonicTime) {
    const Ina3221Chip& chip = *chips_[sensor];
    const Ina3221Chip::Conversion shown = chip.ConversionNumber(reg, chip.Conversions(reg, at));
    window = {.earliest = shown.begin, .latest = shown.end};
  });
  return window;
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

}  // namespace synergy::sim
