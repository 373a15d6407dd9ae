#include "daemon/power/simulation_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

std::vector<int64_t> ParseFrequencies(TomlTable& table, std::string_view key) {
  std::vector<int64_t> khz;
  for (TomlTable& frequency : table.TablesIfAny(key)) {
    khz.push_back(frequency.Integer("khz", 1, 100'000'000));
    if (khz.size() > 1 && khz.back() <= khz[khz.size() - 2]) {
      frequency.Fail("khz", "must be above that of the one before");
    }
    table.Fail(frequency.Finish());
  }
  return khz;
}

void ParsePolicies(TomlTable& table, SimulationProfile& simulation) {
  for (TomlTable& policy : table.TablesIfAny("policy")) {
    const int64_t count = policy.Has("count") ? policy.Integer("count", 1, 4096) : 1;
    const auto cores = static_cast<uint32_t>(policy.Integer("cores", 1, 4096));
    const std::vector<int64_t> khz = ParseFrequencies(policy, "frequencies");
    simulation.policies.insert(simulation.policies.end(), static_cast<size_t>(count),
                               {.cores = cores, .khz = khz});
    table.Fail(policy.Finish());
  }
}

// What can be set besides the CPU's frequencies.
void ParseControls(TomlTable& table, SimulationProfile& simulation) {
  for (const int64_t khz : ParseFrequencies(table, "gpu_frequencies")) {
    simulation.gpu_hz.push_back(1000 * khz);
  }
  simulation.cpu_governors = table.Texts("cpu_governors");
  if (simulation.cpu_governors.empty()) table.Fail("cpu_governors", "must be there");
  simulation.gpu_governors = table.Texts("gpu_governors");
  if (std::optional<TomlTable> memory = table.TableIfAny("memory_clock")) {
    simulation.memory_lowest_hz = 1000 * memory->Integer("lowest_khz", 1, 100'000'000);
    simulation.memory_highest_hz =
        1000 * memory->Integer("highest_khz", simulation.memory_lowest_hz / 1000, 100'000'000);
    table.Fail(memory->Finish());
  }
}

}  // namespace

CpuOperatingPoint OperatingPointAt(const SimulationProfile& board, double hz) {
  const auto above =
      std::ranges::lower_bound(board.points, hz, {}, &CpuOperatingPoint::frequency_hz);
  if (above == board.points.begin()) return {hz, above->voltage_v};
  if (above == board.points.end()) return {hz, board.points.back().voltage_v};
  const CpuOperatingPoint& below = *(above - 1);
  const double share = (hz - below.frequency_hz) / (above->frequency_hz - below.frequency_hz);
  return {hz, std::lerp(below.voltage_v, above->voltage_v, share)};
}

std::string CompletePolicies(SimulationProfile& simulation) {
  std::vector<SimulatedPolicy>& policies = simulation.policies;
  if (policies.empty()) policies.push_back({.cores = simulation.cores});
  uint32_t cores = 0;
  for (SimulatedPolicy& policy : policies) {
    cores += policy.cores;
    if (!policy.khz.empty()) continue;
    for (const CpuOperatingPoint& point : simulation.points) {
      policy.khz.push_back(std::llround(point.frequency_hz / 1000));
    }
  }
  if (cores == simulation.cores) return "";
  return fmt::format("has {} cores in its policies and {} in all", cores, simulation.cores);
}

SimulationProfile ParseSimulation(TomlTable table, TomlTable& parent) {
  SimulationProfile s;
  s.sensor = ParseKind(table);
  for (TomlTable& rail : table.Tables("rail")) ParseSimulatedRail(std::move(rail), s, table);
  ParsePoints(table, s);
  ParsePolicies(table, s);
  ParseControls(table, s);
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
