#include "daemon/power/board.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "common/nearest_name.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/ina3221_registers.h"
#include "daemon/power/ina3221_source.h"
#include "daemon/power/known_windows_source.h"
#include "daemon/power/power_supply_source.h"
#include "daemon/power/rapl_source.h"
#include "daemon/power/real_board.h"
#include "daemon/power/simulated_board.h"
#include "daemon/power/source_description.h"

namespace synergy {
namespace {

constexpr std::string_view kAuto = "auto";
// What most drivers and buses can do.
constexpr double kUnknownBoardRateHz = 1000;

Ina3221Wiring WiringOf(const SensorProfile& sensor, const SimulatedFaults& faults) {
  Ina3221Wiring wiring;
  wiring.address = sensor.address;
  wiring.averages = static_cast<uint32_t>(faults.LeastAverages().value_or(sensor.averages));
  wiring.conversion_us =
      static_cast<uint32_t>(faults.LeastConversionUs().value_or(sensor.conversion_us));
  for (const SensorChannelProfile& channel : sensor.channels) {
    wiring.channels[channel.number - 1] = {.rail = channel.rail, .shunt_ohm = channel.shunt_ohm};
  }
  return wiring;
}

ClockTables ClockTablesOf(const BoardProfile& profile, const SimulationProfile& simulation) {
  ClockTables tables{.policies = simulation.policies,
                     .cpu_governors = simulation.cpu_governors,
                     .gpu_hz = simulation.gpu_hz,
                     .gpu_governors = simulation.gpu_governors,
                     .memory_lowest_hz = simulation.memory_lowest_hz,
                     .memory_highest_hz = simulation.memory_highest_hz};
  if (!profile.thermal_zones.empty()) tables.thermal_zone = profile.thermal_zones.front();
  // The counters of drivers/thermal/intel; others show a cooling device.
  tables.throttle_counter = simulation.sensor == SimulatedSensor::kRapl;
  return tables;
}

// The registers behind the channels of an Ina3221Source: currents, then voltages.
std::vector<uint8_t> RegistersOf(const Ina3221Wiring& wiring) {
  std::vector<uint8_t> registers;
  for (const bool voltage : {false, true}) {
    for (size_t i = 0; i < wiring.channels.size(); ++i) {
      if (!wiring.channels[i]) continue;
      registers.push_back(voltage ? ina3221::BusRegister(i) : ina3221::ShuntRegister(i));
    }
  }
  return registers;
}

absl::StatusOr<std::unique_ptr<PowerSource>> OpenSimulatedIna3221(
    const BoardProfile& profile, size_t sensor,
    const std::shared_ptr<sim::SimulatedBoard>& simulation) {
  const std::shared_ptr<RegisterBus> bus = sim::SimulatedBoard::BusOf(simulation);
  const Ina3221Wiring wiring = WiringOf(profile.sensors[sensor], simulation->faults());
  absl::StatusOr<std::unique_ptr<Ina3221Source>> source = Ina3221Source::Open(bus, wiring);
  if (!source.ok()) return source.status();
  if (!simulation->faults().WindowsAreKnown()) return *std::move(source);
  const Nanoseconds latch = bus->read_latch().after_begin;
  return std::make_unique<KnownWindowsSource>(
      *std::move(source), [simulation, sensor, latch, registers = RegistersOf(wiring)](
                              size_t index, const Reading& reading) {
        const MonotonicTime at = MonotonicTime{reading.begin_ns} + latch;
        return simulation->ConversionShown(sensor, registers[index], at);
      });
}

// The same sources that read real sensors.
absl::StatusOr<std::vector<FoundSource>> OpenSimulatedSources(
    const BoardProfile& profile, const std::shared_ptr<sim::SimulatedBoard>& simulation,
    Clock& clock) {
  std::vector<FoundSource> found;
  RailNames names;
  switch (simulation->simulation().sensor) {
    case SimulatedSensor::kIna3221:
      for (size_t i = 0; i < profile.sensors.size(); ++i) {
        auto source = OpenSimulatedIna3221(profile, i, simulation);
        if (!source.ok()) return source.status();
        found.push_back({.source = *std::move(source), .rails = {}});
      }
      found.front().rails = profile.SensedRailInfos();
      return found;
    case SimulatedSensor::kRapl: {
      auto source = OpenRapl("/sys", names, clock, sim::SimulatedBoard::TreeOf(simulation));
      if (!source.ok()) return source.status();
      found.push_back(*std::move(source));
      return found;
    }
    case SimulatedSensor::kBattery: {
      auto source = PowerSupplySource::Open("/sys", simulation->simulation().rails.front().name,
                                            names, clock, sim::SimulatedBoard::TreeOf(simulation));
      if (!source.ok()) return source.status();
      found.push_back({.source = *std::move(source), .rails = {}});
      found.back().rails.emplace_back().set_name(simulation->simulation().rails.front().name);
      return found;
    }
  }
  return absl::InternalError("a simulated sensor of no kind");
}

absl::StatusOr<Board> OpenSimulatedBoard(const BoardProfile& profile, uint64_t seed, Clock& clock,
                                         std::vector<SimulatedFault> faults) {
  auto model = sim::SimulatedBoard::Create(profile, seed, {}, clock, std::move(faults));
  if (!model.ok()) return model.status();
  absl::StatusOr<std::vector<FoundSource>> found = OpenSimulatedSources(profile, *model, clock);
  if (!found.ok()) return found.status();

  Board board;
  board.info.set_name(fmt::format("{}{}", kSimulatedPrefix, profile.id));
  board.info.set_title(profile.title + " (simulated)");
  board.info.set_simulated(true);
  board.info.set_default_rate_hz(profile.default_rate_hz);
  board.info.mutable_notes()->Assign(profile.notes.begin(), profile.notes.end());
  for (std::string& note : (*model)->FaultNotes()) board.info.add_notes(std::move(note));
  board.clock_tables = ClockTablesOf(profile, (*model)->simulation());
  board.device_clocks = profile.clocks;
  board.fan = profile.fan;
  board.thermal_zones = profile.thermal_zones;
  std::vector<v1::RailInfo> rails;
  for (FoundSource& source : *found) {
    *board.info.add_sources() = DescribeSource(*source.source);
    rails.insert(rails.end(), source.rails.begin(), source.rails.end());
    board.sources.push_back(std::move(source.source));
  }
  rails = DescribeRails(profile, std::move(rails));
  board.info.mutable_rails()->Assign(rails.begin(), rails.end());
  (*model)->BeginFaults();
  board.simulation = *std::move(model);
  return board;
}

std::vector<std::string> BoardNames(const std::vector<BoardProfile>& profiles) {
  std::vector<std::string> names{std::string(kAuto)};
  for (const BoardProfile& profile : profiles) {
    if (profile.simulation) names.push_back(fmt::format("{}{}", kSimulatedPrefix, profile.id));
  }
  for (const BoardProfile& profile : profiles) names.push_back(profile.id);
  return names;
}

absl::Status NoSuchBoard(std::string_view name, const std::vector<BoardProfile>& profiles) {
  const std::vector<std::string> names = BoardNames(profiles);
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(fmt::format(
      "no board is named \"{}\"{}; there are: {}", name,
      nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest), fmt::join(names, ", ")));
}

// Of a machine that no profile fits.
BoardProfile UnknownBoard() {
  BoardProfile profile;
  profile.id = std::string(kAuto);
  profile.title = "this machine";
  profile.default_rate_hz = kUnknownBoardRateHz;
  return profile;
}

}  // namespace

absl::StatusOr<BoardProfile> BoardProfileOf(std::string_view name, const std::string& sysfs_root) {
  const absl::StatusOr<std::vector<BoardProfile>> profiles = BuiltInBoardProfiles();
  if (!profiles.ok()) return profiles.status();
  if (name == kAuto) {
    const BoardProfile* found = RecogniseBoard(*profiles, sysfs_root);
    return found == nullptr ? UnknownBoard() : *found;
  }
  const bool simulated = name.starts_with(kSimulatedPrefix);
  const std::string_view id = simulated ? name.substr(kSimulatedPrefix.size()) : name;
  for (const BoardProfile& profile : *profiles) {
    if (profile.id == id && (!simulated || profile.simulation)) return profile;
  }
  return NoSuchBoard(name, *profiles);
}

absl::StatusOr<Board> OpenBoard(std::string_view name, uint64_t seed, Clock& clock,
                                const SensorAccess& access) {
  absl::StatusOr<BoardProfile> profile = BoardProfileOf(name, access.sysfs_root);
  if (!profile.ok()) return profile.status();
  if (name.starts_with(kSimulatedPrefix)) {
    if (access.sysfs_root != "/sys") {
      return absl::InvalidArgumentError(fmt::format(
          "--sysfs-root {}: {} has files of its own and reads no tree; leave one of both out",
          access.sysfs_root, name));
    }
    return OpenSimulatedBoard(*profile, seed, clock, access.faults);
  }
  if (!access.faults.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "--fault {}: only simulated boards have faults on demand, and {} is none; start "
        "synergyd with --board sim:...",
        access.faults.front().text, name));
  }
  if (access.settings == nullptr) {
    return absl::FailedPreconditionError("A real board needs a writer of settings");
  }
  absl::StatusOr<Board> board = OpenRealBoard(*profile, access, clock);
  if (board.ok() && access.sysfs_root != "/sys") {
    board->info.set_simulated(true);
    board->info.set_title(fmt::format("{} (captured tree {})", profile->title, access.sysfs_root));
  }
  return board;
}

}  // namespace synergy
