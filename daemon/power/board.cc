#include "daemon/power/board.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <utility>

#include "common/nearest_name.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/ina3221_source.h"
#include "daemon/power/jetson_tx1_model.h"
#include "daemon/power/sensor_survey.h"

namespace synergy {
namespace {

constexpr std::string_view kAuto = "auto";
constexpr std::string_view kSimulatedTx1 = "sim:jetson-tx1";

Board OpenAuto() {
  Board board;
  board.info.set_name(std::string(kAuto));
  board.info.set_title("this machine");
  const std::vector<std::string> sensors = SurveyPowerSensors("/sys");
  board.info.add_cannot(
      sensors.empty()
          ? fmt::format("measure power: no power sensor was found under /sys/class/hwmon or "
                        "/sys/class/powercap; start synergyd with --board {} for a simulated board",
                        kSimulatedTx1)
          : fmt::format("measure power: the kernel shows {}, but this version has no driver for "
                        "them; start synergyd with --board {} for a simulated board",
                        fmt::join(sensors, ", "), kSimulatedTx1));
  return board;
}

Ina3221Wiring WiringOf(const SensorProfile& sensor) {
  Ina3221Wiring wiring;
  wiring.address = sensor.address;
  for (const SensorChannelProfile& channel : sensor.channels) {
    wiring.channels[channel.number - 1] = {.rail = channel.rail, .shunt_ohm = channel.shunt_ohm};
  }
  return wiring;
}

ClockTables ClockTablesOf(const BoardProfile& profile) {
  ClockTables tables{.cpu_cores = profile.cpu_cores};
  for (const CpuOperatingPoint& point : profile.operating_points) {
    tables.cpu_khz.push_back(std::llround(point.frequency_hz / 1000));
  }
  for (const double hz : profile.gpu_frequencies_hz) tables.gpu_hz.push_back(std::llround(hz));
  return tables;
}

absl::StatusOr<Board> OpenSimulatedTx1(uint64_t seed, Clock& clock) {
  absl::StatusOr<BoardProfile> profile = BuiltInBoardProfile("jetson-tx1");
  if (!profile.ok()) return profile.status();
  auto model = tx1::JetsonTx1Model::Create(*profile, seed, {}, clock);
  if (!model.ok()) return model.status();

  Board board;
  board.info.set_name(std::string(kSimulatedTx1));
  board.info.set_title(profile->title + " (simulated)");
  board.info.set_simulated(true);
  board.info.set_default_rate_hz(profile->default_rate_hz);
  board.clock_tables = ClockTablesOf(*profile);
  board.info.mutable_rails()->Assign(profile->rails.begin(), profile->rails.end());
  for (const SensorProfile& sensor : profile->sensors) {
    auto source = Ina3221Source::Open(tx1::JetsonTx1Model::BusOf(*model), WiringOf(sensor));
    if (!source.ok()) return source.status();
    board.sources.push_back(*std::move(source));
  }
  board.simulation = *std::move(model);
  return board;
}

}  // namespace

absl::StatusOr<Board> OpenBoard(std::string_view name, uint64_t seed, Clock& clock) {
  if (name == kAuto) return OpenAuto();
  if (name == kSimulatedTx1) return OpenSimulatedTx1(seed, clock);
  const std::vector<std::string> names{std::string(kAuto), std::string(kSimulatedTx1)};
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(fmt::format(
      "no board is named \"{}\"{}; there are: {}", name,
      nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest), fmt::join(names, ", ")));
}

}  // namespace synergy
