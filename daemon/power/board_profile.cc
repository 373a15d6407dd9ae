#include "daemon/power/board_profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/power/built_in_profiles.h"
#include "daemon/power/ina3221_registers.h"
#include "daemon/power/toml_table.h"

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
  return std::ranges::any_of(profile.rails, [&](const auto& rail) { return rail.name() == name; });
}

void ParseRail(TomlTable table, BoardProfile& profile, TomlTable& parent) {
  v1::RailInfo rail;
  rail.set_name(table.Text("name"));
  rail.set_scope(ParseScope(table));
  rail.set_contained_in(table.TextOr("contained_in", ""));
  rail.set_description(table.TextOr("description", ""));
  if (rail.name().empty()) table.Fail("name", "must not be empty");
  if (HasRail(profile, rail.name())) table.Fail("name", "is the name of a rail above");
  if (!rail.contained_in().empty() && !HasRail(profile, rail.contained_in())) {
    table.Fail("contained_in", "must name a rail that stands above this one");
  }
  parent.Fail(table.Finish());
  profile.rails.push_back(std::move(rail));
}

bool IsMeasured(const BoardProfile& profile, const SensorProfile& sensor, std::string_view rail) {
  const auto measures = [&](const SensorProfile& s) {
    return std::ranges::any_of(s.channels, [&](const auto& c) { return c.rail == rail; });
  };
  return measures(sensor) || std::ranges::any_of(profile.sensors, measures);
}

void ParseSensorChannel(TomlTable table, const BoardProfile& profile, SensorProfile& sensor,
                        TomlTable& parent) {
  SensorChannelProfile channel;
  channel.number =
      static_cast<uint32_t>(table.Integer("number", 1, static_cast<int64_t>(ina3221::kChannels)));
  channel.rail = table.Text("rail");
  channel.shunt_ohm = table.Number("shunt_ohm");
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
  for (TomlTable& rail : table.Tables("rail")) ParseRail(std::move(rail), profile, table);
  for (TomlTable& sensor : table.Tables("sensor")) ParseSensor(std::move(sensor), profile, table);
  if (std::optional<TomlTable> cpu = table.Table("cpu")) {
    ParseCpu(std::move(*cpu), profile, table);
  }
  if (std::optional<TomlTable> gpu = table.TableIfThere("gpu")) {
    ParseGpu(std::move(*gpu), profile, table);
  }
  if (absl::Status status = table.Finish(); !status.ok()) return status;
  return profile;
}

}  // namespace

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

absl::StatusOr<BoardProfile> BuiltInBoardProfile(std::string_view id) {
  for (const BuiltInProfile& profile : BuiltInProfiles()) {
    if (profile.id == id) return ParseBoardProfile(profile.text, fmt::format("{}.toml", id));
  }
  return absl::NotFoundError(fmt::format("no board profile is named \"{}\"; there are: {}", id,
                                         fmt::join(BuiltInBoardProfileIds(), ", ")));
}

}  // namespace synergy
