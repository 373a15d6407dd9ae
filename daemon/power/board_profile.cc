#include "daemon/power/board_profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "common/toml_table.h"
#include "daemon/power/built_in_profiles.h"
#include "daemon/power/ina3221_registers.h"

namespace synergy {
namespace {

constexpr int64_t kSchema = 1;

v1::RailScope ParseScope(TomlTable& table) {
  const std::string scope = table.Text("scope");
  if (scope == "wall") return v1::RAIL_SCOPE_WALL;
  if (scope == "carrier") return v1::RAIL_SCOPE_CARRIER;
  if (scope == "module") return v1::RAIL_SCOPE_MODULE;
  if (scope == "component") return v1::RAIL_SCOPE_COMPONENT;
  table.Fail("scope", "must be wall, carrier, module or component");
  return v1::RAIL_SCOPE_UNSPECIFIED;
}

bool HasRail(const BoardProfile& profile, std::string_view name) {
  return std::ranges::any_of(profile.rails,
                             [&](const auto& rail) { return rail.info.name() == name; });
}

bool HasLabel(const BoardProfile& profile, std::string_view label) {
  return std::ranges::any_of(profile.rails, [&](const auto& rail) {
    return std::ranges::find(rail.labels, label) != rail.labels.end();
  });
}

void ParseRail(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  RailProfile rail;
  rail.info.set_name(table.Text("name"));
  rail.info.set_scope(ParseScope(table));
  rail.info.set_contained_in(table.TextOr("contained_in", ""));
  rail.info.set_description(table.TextOr("description", ""));
  rail.labels = table.Texts("labels");
  rail.labels.insert(rail.labels.begin(), rail.info.name());
  if (rail.info.name().empty()) table.Fail("name", "must not be empty");
  for (const std::string& label : rail.labels) {
    if (!HasLabel(profile, label)) continue;
    table.Fail(label == rail.info.name() ? "name" : "labels",
               fmt::format("\"{}\" is that of a rail above", label));
  }
  if (!rail.info.contained_in().empty() && !HasRail(profile, rail.info.contained_in())) {
    table.Fail("contained_in", "must name a rail that stands above this one");
  }
  parent.Fail(table.Finish());
  profile.rails.push_back(std::move(rail));
}

bool Measures(const SensorProfile& sensor, std::string_view rail) {
  return std::ranges::any_of(sensor.channels, [&](const auto& c) { return c.rail == rail; });
}

bool IsMeasured(const BoardProfile& profile, const SensorProfile& sensor, std::string_view rail) {
  return Measures(sensor, rail) ||
         std::ranges::any_of(profile.sensors,
                             [&](const SensorProfile& other) { return Measures(other, rail); });
}

void ParseSensorChannel(TomlTable table, const BoardProfile& profile, SensorProfile& sensor,
                        TomlTable& parent) {
  SensorChannelProfile channel;
  channel.number =
      static_cast<uint32_t>(table.Integer("number", 1, static_cast<int64_t>(ina3221::kChannels)));
  channel.rail = table.Text("rail");
  channel.shunt_ohm = table.Number("shunt_ohm");
  if (table.Has("shunt_tolerance")) channel.shunt_tolerance = table.Number("shunt_tolerance");
  if (std::ranges::any_of(sensor.channels,
                          [&](const auto& other) { return other.number == channel.number; })) {
    table.Fail("number", "is that of a channel above");
  }
  if (!HasRail(profile, channel.rail)) table.Fail("rail", "must name one of the rails");
  if (IsMeasured(profile, sensor, channel.rail)) {
    table.Fail("rail", "is measured by a channel above already");
  }
  if (!(channel.shunt_ohm > 0 && channel.shunt_ohm <= 10)) {
    table.Fail("shunt_ohm", "must be above 0 and at most 10");
  }
  if (!(channel.shunt_tolerance >= 0 && channel.shunt_tolerance <= 1)) {
    table.Fail("shunt_tolerance", "must be from 0 to 1");
  }
  parent.Fail(table.Finish());
  sensor.channels.push_back(std::move(channel));
}

void ParseSensor(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  SensorProfile sensor;
  sensor.chip = table.Text("chip");
  if (sensor.chip != "ina3221") table.Fail("chip", "must be ina3221");
  sensor.bus = table.Text("bus");
  sensor.bit_rate_hz = static_cast<uint32_t>(table.Integer("bit_rate_hz", 10'000, 3'400'000));
  sensor.address = static_cast<uint8_t>(table.Integer("address", 0x40, 0x43));
  if (std::ranges::any_of(profile.sensors, [&](const SensorProfile& other) {
        return other.bus == sensor.bus && other.address == sensor.address;
      })) {
    table.Fail("address", "is that of a sensor above on the same bus");
  }
  if (table.Has("averages"))
    sensor.averages = static_cast<uint32_t>(table.Integer("averages", 1, 1024));
  if (table.Has("conversion_us")) {
    sensor.conversion_us = static_cast<uint32_t>(table.Integer("conversion_us", 140, 8244));
  }
  for (TomlTable& channel : table.Tables("channel")) {
    ParseSensorChannel(std::move(channel), profile, sensor, table);
  }
  parent.Fail(table.Finish());
  profile.sensors.push_back(std::move(sensor));
}

void ParseCpu(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  profile.cpu_cores = static_cast<uint32_t>(table.Integer("cores", 1, 4096));
  for (TomlTable& point : table.Tables("operating_points")) {
    const double frequency_hz = 1e3 * static_cast<double>(point.Integer("khz", 1, 100'000'000));
    const double voltage_v =
        1e-6 * static_cast<double>(point.Integer("microvolts", 100'000, 5'000'000));
    if (!profile.operating_points.empty() &&
        frequency_hz <= profile.operating_points.back().frequency_hz) {
      point.Fail("khz", "must be above that of the point before");
    }
    table.Fail(point.Finish());
    profile.operating_points.push_back({frequency_hz, voltage_v});
  }
  parent.Fail(table.Finish());
}

void ParseGpu(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  std::vector<double>& frequencies = profile.gpu_frequencies_hz;
  for (TomlTable& point : table.Tables("frequencies")) {
    const double frequency_hz = 1e3 * static_cast<double>(point.Integer("khz", 1, 100'000'000));
    if (!frequencies.empty() && frequency_hz <= frequencies.back()) {
      point.Fail("khz", "must be above that of the one before");
    }
    table.Fail(point.Finish());
    frequencies.push_back(frequency_hz);
  }
  parent.Fail(table.Finish());
}

void ParseSigns(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  profile.signs.compatible = table.Texts("compatible");
  profile.signs.dmi_product = table.Texts("dmi_product");
  profile.signs.present = table.Texts("present");
  if (table.Has("rank") || !profile.signs.present.empty()) {
    profile.signs.rank = static_cast<uint32_t>(table.Integer("rank", 1, 100));
  }
  parent.Fail(table.Finish());
}

void ParseClock(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  DeviceClockProfile clock;
  clock.name = table.Text("name");
  // Others nobody can ask for.
  if (clock.name != "gpu" && clock.name != "memory") table.Fail("name", "must be gpu or memory");
  clock.devfreq = table.Texts("devfreq");
  clock.rate = table.TextOr("rate", "");
  clock.rate_read = table.TextOr("rate_read", "");
  clock.state = table.TextOr("state", "");
  clock.lowest = table.TextOr("lowest", "");
  clock.highest = table.TextOr("highest", "");
  if (clock.devfreq.empty() == (clock.rate.empty() || clock.state.empty())) {
    table.Fail("devfreq", "or both \"rate\" and \"state\" must be there");
  }
  parent.Fail(table.Finish());
  profile.clocks.push_back(std::move(clock));
}

void ParseFan(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  FanProfile fan;
  fan.target = table.Texts("target");
  if (fan.target.empty()) table.Fail("target", "must be a list of texts");
  fan.full = static_cast<uint32_t>(table.Integer("full", 1, 65535));
  parent.Fail(table.Finish());
  profile.fan = std::move(fan);
}

// What the rest of the profile says of a simulated board, too, and must fit.
void AddSimulation(TomlTable simulation, BoardProfile& profile, TomlTable& table) {
  SimulationProfile& s = profile.simulation.emplace(ParseSimulation(std::move(simulation), table));
  if (s.points.empty()) {
    s.cores = profile.cpu_cores;
    s.points = profile.operating_points;
  }
  if (s.gpu_hz.empty()) {
    for (const double hz : profile.gpu_frequencies_hz) s.gpu_hz.push_back(std::llround(hz));
  }
  if (!s.gpu_hz.empty() && s.gpu_governors.empty()) {
    table.Fail("simulation", "needs \"gpu_governors\"");
  }
  if (s.points.empty()) table.Fail("simulation", "needs \"operating_points\", there or in \"cpu\"");
  if (const std::string wrong = CompletePolicies(s); !wrong.empty()) {
    table.Fail("simulation", wrong);
  }
  if (s.sensor != SimulatedSensor::kIna3221) return;
  for (const v1::RailInfo& rail : profile.SensedRailInfos()) {
    if (std::ranges::find(s.rails, rail.name(), &SimulatedRail::name) == s.rails.end()) {
      table.Fail("simulation", fmt::format("does not say what {} feeds", rail.name()));
    }
  }
  for (const SimulatedRail& rail : s.rails) {
    const bool sensed = std::ranges::any_of(
        profile.sensors, [&](const SensorProfile& sensor) { return Measures(sensor, rail.name); });
    if (!sensed)
      table.Fail("simulation", fmt::format("has {}, which no sensor measures", rail.name));
  }
}

absl::StatusOr<BoardProfile> ReadProfile(const toml::table& document, std::string_view origin) {
  TomlTable table(document, std::string(origin));
  BoardProfile profile;
  table.Integer("schema", kSchema, kSchema);
  profile.id = table.Text("id");
  profile.title = table.Text("title");
  profile.default_rate_hz = table.Number("default_rate_hz");
  if (profile.id.empty()) table.Fail("id", "must not be empty");
  if (!(profile.default_rate_hz > 0 && profile.default_rate_hz <= 10'000)) {
    table.Fail("default_rate_hz", "must be above 0 and at most 10000");
  }
  if (auto signs = table.TableIfAny("recognise")) ParseSigns(std::move(*signs), profile, table);
  for (TomlTable& rail : table.TablesIfAny("rail")) ParseRail(std::move(rail), profile, table);
  for (TomlTable& sensor : table.TablesIfAny("sensor")) {
    ParseSensor(std::move(sensor), profile, table);
  }
  if (auto gpu = table.TableIfAny("gpu")) ParseGpu(std::move(*gpu), profile, table);
  if (auto cpu = table.TableIfAny("cpu")) ParseCpu(std::move(*cpu), profile, table);
  for (TomlTable& clock : table.TablesIfAny("clock")) ParseClock(std::move(clock), profile, table);
  if (auto fan = table.TableIfAny("fan")) ParseFan(std::move(*fan), profile, table);
  if (auto simulation = table.TableIfAny("simulation")) {
    AddSimulation(std::move(*simulation), profile, table);
  }
  profile.thermal_zones = table.Texts("thermal_zones");
  profile.notes = table.Texts("notes");
  if (absl::Status status = table.Finish(); !status.ok()) return status;
  return profile;
}

}  // namespace

std::vector<v1::RailInfo> BoardProfile::RailInfos() const {
  std::vector<v1::RailInfo> infos;
  for (const RailProfile& rail : rails) infos.push_back(rail.info);
  return infos;
}

std::vector<v1::RailInfo> BoardProfile::SensedRailInfos() const {
  std::vector<v1::RailInfo> infos = RailInfos();
  std::erase_if(infos, [this](const v1::RailInfo& rail) {
    return std::ranges::none_of(
        sensors, [&](const SensorProfile& sensor) { return Measures(sensor, rail.name()); });
  });
  return infos;
}

absl::StatusOr<BoardProfile> ParseBoardProfile(std::string_view text, std::string_view origin) {
  try {
    return ReadProfile(toml::parse(text, origin), origin);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: line {}: {}", origin, error.source().begin.line, std::string(error.description())));
  }
}

std::vector<std::string> BuiltInBoardProfileIds() {
  std::vector<std::string> ids;
  for (const BuiltInProfile& profile : BuiltInProfiles()) ids.emplace_back(profile.id);
  return ids;
}

absl::StatusOr<std::vector<BoardProfile>> BuiltInBoardProfiles() {
  std::vector<BoardProfile> profiles;
  for (const std::string& id : BuiltInBoardProfileIds()) {
    absl::StatusOr<BoardProfile> profile = BuiltInBoardProfile(id);
    if (!profile.ok()) return profile.status();
    profiles.push_back(*std::move(profile));
  }
  return profiles;
}

absl::StatusOr<BoardProfile> BuiltInBoardProfile(std::string_view id) {
  for (const BuiltInProfile& profile : BuiltInProfiles()) {
    if (profile.id == id) return ParseBoardProfile(profile.text, fmt::format("{}.toml", id));
  }
  return absl::NotFoundError(fmt::format("no board profile is named \"{}\"; there are: {}", id,
                                         fmt::join(BuiltInBoardProfileIds(), ", ")));
}

}  // namespace synergy
