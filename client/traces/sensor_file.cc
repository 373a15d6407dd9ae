#include "client/traces/sensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/toml_table.h"

namespace synergy {
namespace {

constexpr int64_t kSchema = 1;

const std::map<std::string, v1::RailScope, std::less<>> kScopes = {
    {"wall", v1::RAIL_SCOPE_WALL},
    {"carrier", v1::RAIL_SCOPE_CARRIER},
    {"module", v1::RAIL_SCOPE_MODULE},
    {"component", v1::RAIL_SCOPE_COMPONENT}};

const std::map<std::string, v1::Verdict, std::less<>> kVerdicts = {
    {"VALID", v1::VERDICT_VALID},
    {"SUSPECT", v1::VERDICT_SUSPECT},
    {"INVALID", v1::VERDICT_INVALID}};

template <typename Enum>
Enum OneOf(TomlTable& table, const char* key, const std::map<std::string, Enum, std::less<>>& known,
           Enum fallback) {
  if (!table.Has(key)) return fallback;
  const std::string text = table.Text(key);
  const auto found = known.find(text);
  if (found != known.end()) return found->second;
  std::string names;
  for (const auto& [name, value] : known) names += (names.empty() ? "" : ", ") + name;
  table.Fail(key, "must be one of " + names);
  return fallback;
}

double NumberOr(TomlTable& table, const char* key, double fallback, double lowest, double highest) {
  if (!table.Has(key)) return fallback;
  const double value = table.Number(key);
  if (!(value >= lowest && value <= highest)) {
    table.Fail(key, fmt::format("is {}; allowed is {} to {}", value, lowest, highest));
  }
  return value;
}

bool BoolOr(TomlTable& table, const char* key, bool fallback) {
  return table.Has(key) ? table.Bool(key) : fallback;
}

// Slot, period and filter say where before a stamp the window is: nothing, where it is the stamps.
void CheckWindow(const v1::Window& window, TomlTable& table) {
  if (window.stamps_are_window()) {
    for (const char* key :
         {"slot_s", "period_s", "period_tolerance", "average", "phase_known", "cycle", "offset"}) {
      if (table.Has(key)) {
        table.Fail(key,
                   "is not used where the stamps are the window; stamps_are_window = false "
                   "says that they are not");
      }
    }
    return;
  }
  if ((window.slot_s() > 0) != (window.period_s() > 0)) {
    table.Fail(table.Has("slot_s") ? "slot_s" : "period_s",
               "needs the other one of slot_s and period_s");
  }
  if (window.slot_s() > window.period_s()) {
    table.Fail("slot_s", "must not be longer than period_s");
  }
}

// `read` comes with what holds where the table says nothing. `derived`: what exact windows are like
// on the whole follows from the rows, and must not be said.
void ReadWindow(TomlTable& table, bool derived, v1::Window* read) {
  constexpr double kLongestS = 3600;
  v1::Window& window = *read;
  window.set_stamps_are_window(BoolOr(table, "stamps_are_window", window.stamps_are_window()));
  window.set_slot_s(NumberOr(table, "slot_s", window.slot_s(), 0, kLongestS));
  window.set_period_s(NumberOr(table, "period_s", window.period_s(), 0, kLongestS));
  window.set_period_tolerance(
      NumberOr(table, "period_tolerance", window.period_tolerance(), 0, 0.5));
  if (table.Has("average")) {
    window.set_average(static_cast<uint32_t>(table.Integer("average", 1, 1'000'000)));
  }
  window.set_phase_known(BoolOr(table, "phase_known", window.phase_known()));
  window.set_cycle(table.TextOr("cycle", window.cycle()));
  window.set_offset(NumberOr(table, "offset", window.offset(), 0, 1));
  window.set_edge_sd_s(NumberOr(table, "edge_sd_s", window.edge_sd_s(), 0, kLongestS));
  if (derived || !window.stamps_are_window()) CheckWindow(window, table);
}

// The tables of rails whose rows are raw.
struct RawTable {
  v1::ChannelInfo::Quantity quantity;
  const char* name;
  const char* step;
};
constexpr RawTable kRawTables[] = {{v1::ChannelInfo::QUANTITY_CURRENT, "current", "step_a"},
                                   {v1::ChannelInfo::QUANTITY_VOLTAGE, "voltage", "step_v"},
                                   {v1::ChannelInfo::QUANTITY_ENERGY_COUNTER, "energy", "step_j"}};

void ReadRawChannels(TomlTable& rail, TraceSensor* sensor) {
  for (const RawTable& kind : kRawTables) {
    std::optional<TomlTable> table = rail.TableIfAny(kind.name);
    if (!table) continue;
    TraceChannel& channel = sensor->raw.emplace_back();
    channel.quantity = kind.quantity;
    channel.step = NumberOr(*table, kind.step, 0, 1e-15, 1e6);
    if (channel.step == 0) table->Fail(kind.step, "must say how much one of the steps is");
    ReadWindow(*table, /*derived=*/false, &channel.window);
    channel.gain_tolerance = NumberOr(*table, "gain_tolerance", 0, 0, 1);
    channel.noise_steps = NumberOr(*table, "noise_steps", 0, 0, 1e6);
    rail.Fail(table->Finish());
  }
  const bool energy = sensor->Raw(v1::ChannelInfo::QUANTITY_ENERGY_COUNTER) != nullptr;
  const bool current = sensor->Raw(v1::ChannelInfo::QUANTITY_CURRENT) != nullptr;
  const bool voltage = sensor->Raw(v1::ChannelInfo::QUANTITY_VOLTAGE) != nullptr;
  if (current != voltage) {
    rail.Fail(current ? "current" : "voltage",
              "needs the other one of current and voltage: the power is made of both");
  } else if (energy && current) {
    rail.Fail("energy", "is one way to measure a rail, current and voltage another: give one");
  }
}

// `sensor` comes with what holds where the table says nothing.
void ReadSensor(TomlTable& table, TraceSensor* sensor) {
  ReadWindow(table, /*derived=*/true, &sensor->window);
  sensor->gain_tolerance = NumberOr(table, "gain_tolerance", sensor->gain_tolerance, 0, 1);
  sensor->noise_steps = NumberOr(table, "noise_steps", sensor->noise_steps, 0, 1e6);
  if (table.Has("step_w")) sensor->step_w = NumberOr(table, "step_w", 0, 1e-9, 1e3);
}

TraceSensor ReadRail(TomlTable& table, const TraceSensor& defaults) {
  TraceSensor sensor = defaults;
  // What a rail says of its own window stands alone: the defaults may be of the other kind.
  if (table.Has("stamps_are_window")) sensor.window.Clear();
  sensor.rail.set_name(table.Text("name"));
  if (sensor.rail.name().empty()) table.Fail("name", "must not be empty");
  sensor.rail.set_scope(OneOf(table, "scope", kScopes, v1::RAIL_SCOPE_UNSPECIFIED));
  sensor.rail.set_contained_in(table.TextOr("contained_in", ""));
  sensor.rail.set_description(table.TextOr("description", ""));
  ReadSensor(table, &sensor);
  ReadRawChannels(table, &sensor);
  return sensor;
}

void ReadOrigin(TomlTable table, TraceOrigin* origin, TomlTable* parent) {
  origin->board = table.TextOr("board", origin->board);
  origin->title = table.TextOr("title", origin->title);
  origin->simulated = BoolOr(table, "simulated", false);
  origin->net = table.TextOr("net", "");
  origin->engine = table.TextOr("engine", origin->engine);
  origin->engine_version = table.TextOr("engine_version", "");
  if (table.Has("batch")) origin->batch = static_cast<uint32_t>(table.Integer("batch", 1, 65536));
  if (table.Has("threads")) {
    origin->threads = static_cast<uint32_t>(table.Integer("threads", 1, 65536));
  }
  if (table.Has("seed")) {
    origin->seed = static_cast<uint64_t>(table.Integer("seed", INT64_MIN, INT64_MAX));
  }
  if (table.Has("started_unix_ns")) {
    origin->started_unix_ns = table.Integer("started_unix_ns", 0, INT64_MAX);
  }
  origin->verdict = OneOf(table, "verdict", kVerdicts, v1::VERDICT_VALID);
  origin->reasons = table.Texts("reasons");
  parent->Fail(table.Finish());
}

absl::StatusOr<SensorFile> Read(const toml::table& document, std::string_view name) {
  SensorFile file;
  TomlTable table(document, std::string(name));
  if (table.Integer("schema", 1, INT64_MAX) != kSchema) {
    table.Fail("schema", fmt::format("must be {}, the one that this synergyctl reads", kSchema));
  }
  ReadSensor(table, &file.defaults);
  std::set<std::string> names;
  for (TomlTable& rail : table.TablesIfAny("rail")) {
    TraceSensor sensor = ReadRail(rail, file.defaults);
    if (!names.insert(sensor.rail.name()).second) rail.Fail("name", "is that of a rail above");
    table.Fail(rail.Finish());
    file.rails.push_back(std::move(sensor));
  }
  for (const TraceSensor& sensor : file.rails) {
    const std::string& in = sensor.rail.contained_in();
    if (in.empty() || (names.contains(in) && in != sensor.rail.name())) continue;
    table.Fail("rail", fmt::format("\"{}\" is contained in \"{}\", which is no other rail here",
                                   sensor.rail.name(), in));
  }
  if (std::optional<TomlTable> run = table.TableIfAny("run")) {
    ReadOrigin(*std::move(run), &file.origin, &table);
  }
  if (absl::Status status = table.Finish(); !status.ok()) return status;
  return file;
}

// A basic string: JSON's escapes are TOML's.
std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

template <typename Enum>
std::string NameOf(const std::map<std::string, Enum, std::less<>>& known, Enum value) {
  for (const auto& [name, of] : known) {
    if (of == value) return name;
  }
  return "";
}

class TomlText {
 public:
  void Add(const char* key, const std::string& value) {
    if (!value.empty()) text_ += fmt::format("{} = {}\n", key, Quoted(value));
  }
  void AddBool(const char* key, bool value) { text_ += fmt::format("{} = {}\n", key, value); }
  // Left out where it is 0: not known, or none.
  template <typename T>
  void AddNumber(const char* key, T value) {
    if (value != T{}) text_ += fmt::format("{} = {}\n", key, value);
  }
  void AddLine(std::string_view line) { text_ += fmt::format("{}\n", line); }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void WriteOrigin(const TraceOrigin& origin, TomlText* text) {
  text->AddLine("\n[run]");
  text->Add("board", origin.board);
  text->Add("title", origin.title);
  text->AddBool("simulated", origin.simulated);
  text->Add("net", origin.net);
  text->Add("engine", origin.engine);
  text->Add("engine_version", origin.engine_version);
  text->AddNumber("batch", origin.batch);
  text->AddNumber("threads", origin.threads);
  text->AddNumber("seed", static_cast<int64_t>(origin.seed));
  text->AddNumber("started_unix_ns", origin.started_unix_ns);
  text->Add("verdict", NameOf(kVerdicts, origin.verdict));
  if (origin.reasons.empty()) return;
  text->AddLine("reasons = [");
  for (const std::string& reason : origin.reasons) text->AddLine("  " + Quoted(reason) + ",");
  text->AddLine("]");
}

void WriteWindow(const v1::Window& window, bool derived, TomlText* text) {
  text->AddBool("stamps_are_window", window.stamps_are_window());
  if (!derived || !window.stamps_are_window()) {
    text->AddNumber("slot_s", window.slot_s());
    text->AddNumber("period_s", window.period_s());
    text->AddNumber("period_tolerance", window.period_tolerance());
    text->AddNumber("average", window.average());
    text->AddBool("phase_known", window.phase_known());
    text->Add("cycle", window.cycle());
    text->AddNumber("offset", window.offset());
  }
  text->AddNumber("edge_sd_s", window.edge_sd_s());
}

void WriteRail(const TraceSensor& sensor, TomlText* text) {
  text->AddLine("\n[[rail]]");
  text->Add("name", sensor.rail.name());
  text->Add("scope", NameOf(kScopes, sensor.rail.scope()));
  text->Add("contained_in", sensor.rail.contained_in());
  text->Add("description", sensor.rail.description());
  for (const RawTable& kind : kRawTables) {
    const TraceChannel* const channel = sensor.Raw(kind.quantity);
    if (channel == nullptr) continue;
    text->AddLine(fmt::format("[rail.{}]", kind.name));
    text->AddNumber(kind.step, channel->step);
    WriteWindow(channel->window, /*derived=*/false, text);
    text->AddNumber("gain_tolerance", channel->gain_tolerance);
    text->AddNumber("noise_steps", channel->noise_steps);
  }
  if (!sensor.raw.empty()) return;
  WriteWindow(sensor.window, /*derived=*/true, text);
  text->AddNumber("gain_tolerance", sensor.gain_tolerance);
  text->AddNumber("noise_steps", sensor.noise_steps);
  if (sensor.step_w) text->AddNumber("step_w", *sensor.step_w);
}

}  // namespace

const TraceChannel* TraceSensor::Raw(v1::ChannelInfo::Quantity quantity) const {
  const auto found = std::ranges::find(raw, quantity, &TraceChannel::quantity);
  return found == raw.end() ? nullptr : &*found;
}

TraceSensor SensorFile::Of(std::string_view rail) const {
  for (const TraceSensor& sensor : rails) {
    if (sensor.rail.name() == rail) return sensor;
  }
  TraceSensor sensor = defaults;
  sensor.rail.set_name(std::string(rail));
  return sensor;
}

absl::StatusOr<SensorFile> ParseSensorFile(std::string_view text, std::string_view name) {
  try {
    return Read(toml::parse(text, name), name);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: line {}: {}", name, error.source().begin.line, std::string(error.description())));
  }
}

std::string SensorFileText(const SensorFile& file) {
  TomlText text;
  text.AddNumber("schema", kSchema);
  WriteOrigin(file.origin, &text);
  for (const TraceSensor& sensor : file.rails) WriteRail(sensor, &text);
  return text.Take();
}

}  // namespace synergy
