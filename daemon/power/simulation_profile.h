// What a simulated board draws, as data: the table [simulation] of its profile
// (deploy/boards/README.md). docs/simulated-boards.md describes the model and where its constants
// come from.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/toml_table.h"

namespace synergy {

struct CpuOperatingPoint {
  double frequency_hz = 0;
  double voltage_v = 0;
};

// What a regulator loses: for itself, in proportion to what it feeds, and in its resistance.
struct RegulatorProfile {
  double fixed_w = 0;
  double linear = 0;
  double per_w = 0;
};

// What a rail can feed. Memory and rest share a regulator.
enum class BoardLoad { kCpu, kGpu, kMemory, kRest };
inline constexpr size_t kBoardLoads = 4;

struct SimulatedRail {
  std::string name;
  std::array<bool, kBoardLoads> feeds{};
  double volts = 0;  // where it is measured; 0: at the supply, whose voltage sags
};

// A clock domain of the CPU: one policy of cpufreq.
struct SimulatedPolicy {
  uint32_t cores = 0;
  std::vector<int64_t> khz = {};  // that it can have, rising
};

enum class SimulatedSensor { kIna3221, kRapl, kBattery };

struct SimulationProfile {
  SimulatedSensor sensor = SimulatedSensor::kIna3221;
  std::vector<SimulatedRail> rails;  // at most kMostSimulatedRails
  uint32_t cores = 0;
  std::vector<CpuOperatingPoint> points;  // by rising frequency
  std::vector<SimulatedPolicy> policies;  // their cores together are `cores`
  std::vector<int64_t> gpu_hz;            // rising; empty: there is no GPU to set
  // That can be set; the first is at work at first.
  std::vector<std::string> cpu_governors, gpu_governors;
  int64_t memory_lowest_hz = 0, memory_highest_hz = 0;  // 0: its clock cannot be set

  // The CPU cluster's capacitances: when it idles, once any core works, and of a core in dense
  // arithmetic. Leakage at 45 C and the reference voltage.
  double idle_farad = 0, cluster_farad = 0, core_farad = 0;
  double cpu_leakage_w = 0, reference_v = 1;
  double gpu_idle_w = 0, gpu_leakage_w = 0;
  // All else, and of it the memory: when nothing happens; and the memory with its controller, once
  // a core works.
  double system_idle_w = 0, system_leakage_w = 0, memory_idle_w = 0, system_awake_w = 0;
  double joule_per_dram_byte = 0;
  RegulatorProfile core_regulator, system_regulator;  // the first: CPU, and GPU
  double supply_v = 0, supply_ohm = 0;
  double ambient_c = 25, kelvin_per_w = 0, thermal_s = 1;
};

inline constexpr size_t kMostSimulatedRails = 4;

// At a frequency of the board's: voltages between two points are in proportion, and those beyond
// the ends are those of the ends.
CpuOperatingPoint OperatingPointAt(const SimulationProfile& board, double hz);

// Its errors are given to `parent`.
SimulationProfile ParseSimulation(TomlTable table, TomlTable& parent);
// Once its cores and operating points are known: policies that name no frequencies have those of
// the points, and without any there is one of all cores. "" or what is wrong.
std::string CompletePolicies(SimulationProfile& simulation);

}  // namespace synergy
