#include "daemon/power/simulation_profile.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

namespace synergy {
namespace {

double NotNegative(TomlTable& table, std::string_view key) {
  const double value = table.Number(key);
  if (!(value >= 0)) table.Fail(key, "must not be negative");
  return value;
}

double Positive(TomlTable& table, std::string_view key) {
  const double value = table.Number(key);
  if (!(value > 0)) table.Fail(key, "must be above 0");
  return value;
}

SimulatedSensor ParseKind(TomlTable& table) {
  const std::string kind = table.Text("sensor");
  if (kind == "rapl") return SimulatedSensor::kRapl;
  if (kind == "battery") return SimulatedSensor::kBattery;
  if (kind != "ina3221") table.Fail("sensor", "must be ina3221, rapl or battery");
  return SimulatedSensor::kIna3221;
}

std::optional<BoardLoad> LoadOfName(std::string_view name) {
  if (name == "cpu") return BoardLoad::kCpu;
  if (name == "gpu") return BoardLoad::kGpu;
  if (name == "memory") return BoardLoad::kMemory;
  if (name == "rest") return BoardLoad::kRest;
  return std::nullopt;
}

void ParseSimulatedRail(TomlTable table, SimulationProfile& simulation, TomlTable& parent) {
  SimulatedRail rail;
  rail.name = table.Text("name");
  for (const std::string& name : table.Texts("feeds")) {
    const std::optional<BoardLoad> load = LoadOfName(name);
    if (!load) {
      table.Fail("feeds", fmt::format("knows no \"{}\": cpu, gpu, memory and rest", name));
      continue;
    }
    rail.feeds[static_cast<size_t>(*load)] = true;
  }
  if (table.Has("volts")) rail.volts = Positive(table, "volts");
  if (simulation.rails.size() == kMostSimulatedRails) {
    table.Fail("name", fmt::format("is one more than the {} rails that can be simulated",
                                   kMostSimulatedRails));
  }
  parent.Fail(table.Finish());
  simulation.rails.push_back(std::move(rail));
}

RegulatorProfile ParseRegulator(TomlTable& table, std::string_view key) {
  RegulatorProfile regulator;
  std::optional<TomlTable> own = table.TableIfAny(key);
  if (!own) {
    table.Fail(key, "must be there, as a table");
    return regulator;
  }
  regulator.fixed_w = NotNegative(*own, "fixed_w");
  regulator.linear = NotNegative(*own, "linear");
  regulator.per_w = NotNegative(*own, "per_w");
  table.Fail(own->Finish());
  return regulator;
}

// Where the board's table [cpu] does not have them.
void ParsePoints(TomlTable& table, SimulationProfile& simulation) {
  if (!table.Has("operating_points")) return;
  simulation.cores = static_cast<uint32_t>(table.Integer("cores", 1, 4096));
  for (TomlTable& point : table.Tables("operating_points")) {
    simulation.points.push_back(
        {.frequency_hz = 1e3 * static_cast<double>(point.Integer("khz", 1, 100'000'000)),
         .voltage_v = 1e-6 * static_cast<double>(point.Integer("microvolts", 100'000, 5'000'000))});
    table.Fail(point.Finish());
    const size_t n = simulation.points.size();
    if (n > 1 && simulation.points[n - 1].frequency_hz <= simulation.points[n - 2].frequency_hz) {
      point.Fail("khz", "must be above that of the point before");
      table.Fail(point.Finish());
    }
  }
}

}  // namespace

SimulationProfile ParseSimulation(TomlTable table, TomlTable& parent) {
  SimulationProfile s;
  s.sensor = ParseKind(table);
  for (TomlTable& rail : table.Tables("rail")) ParseSimulatedRail(std::move(rail), s, table);
  ParsePoints(table, s);
  for (TomlTable& point : table.TablesIfAny("gpu_frequencies")) {
    s.gpu_hz.push_back(1000 * point.Integer("khz", 1, 100'000'000));
    table.Fail(point.Finish());
  }
  constexpr double kNanofarad = 1e-9, kPicojoule = 1e-12;
  s.idle_farad = kNanofarad * NotNegative(table, "cpu_idle_nf");
  s.cluster_farad = kNanofarad * NotNegative(table, "cpu_cluster_nf");
  s.core_farad = kNanofarad * Positive(table, "cpu_core_nf");
  s.cpu_leakage_w = NotNegative(table, "cpu_leakage_w");
  s.reference_v = Positive(table, "cpu_reference_v");
  s.gpu_idle_w = NotNegative(table, "gpu_idle_w");
  s.gpu_leakage_w = NotNegative(table, "gpu_leakage_w");
  s.system_idle_w = NotNegative(table, "system_idle_w");
  s.system_leakage_w = NotNegative(table, "system_leakage_w");
  s.memory_idle_w = NotNegative(table, "memory_idle_w");
  s.system_awake_w = NotNegative(table, "system_awake_w");
  if (s.memory_idle_w > s.system_idle_w) {
    table.Fail("memory_idle_w", "is a part of \"system_idle_w\" and must not be above it");
  }
  s.joule_per_dram_byte = kPicojoule * NotNegative(table, "memory_pj_per_byte");
  s.core_regulator = ParseRegulator(table, "core_regulator");
  s.system_regulator = ParseRegulator(table, "system_regulator");
  s.supply_v = Positive(table, "supply_v");
  s.supply_ohm = NotNegative(table, "supply_ohm");
  s.ambient_c = table.Number("ambient_c");
  s.kelvin_per_w = NotNegative(table, "kelvin_per_w");
  s.thermal_s = Positive(table, "thermal_s");
  parent.Fail(table.Finish());
  return s;
}

}  // namespace synergy
