#include "daemon/power/board_power.h"

#include <algorithm>
#include <cmath>

namespace synergy::sim {
namespace {

constexpr double kStalled = 0.45;  // a core that waits for memory, relative to dense arithmetic

// Leakage at the reference temperature, and how it grows: twice every 25 K.
constexpr double kReferenceC = 45.0;
constexpr double kLeakageScaleK = 36.0;

// The most that deviating operators may reach together.
constexpr double kHighestDramBytesPerS = 1.25 * kDramBytesPerS;

double WithLoss(double load_w, const RegulatorProfile& r) {
  return load_w + r.fixed_w + r.linear * load_w + r.per_w * load_w * load_w;
}

double Leakage(double reference_w, double temperature_c) {
  return reference_w * std::exp((temperature_c - kReferenceC) / kLeakageScaleK);
}

// What the running operators ask for, all together.
struct Demand {
  double core_activity = 0;
  double dram_bytes_per_s = 0;
  double awake = 0;
};

Demand DemandOf(const SimulationProfile& board, std::span<const OperatorLoad> running) {
  Demand demand;
  double cores = 0;
  for (const OperatorLoad& load : running) {
    const double activity = load.switching * load.pipe_share + kStalled * (1.0 - load.pipe_share);
    cores += load.cores;
    demand.core_activity += load.deviation * load.cores * activity;
    demand.dram_bytes_per_s += load.deviation * load.dram_bytes_per_s;
    demand.awake += load.deviation / static_cast<double>(running.size());
  }
  const auto most = static_cast<double>(board.cores);
  if (cores > most) demand.core_activity *= most / cores;  // they take turns
  demand.dram_bytes_per_s = std::min(demand.dram_bytes_per_s, kHighestDramBytesPerS);
  return demand;
}

}  // namespace

BoardPower PowerOf(const SimulationProfile& board, std::span<const OperatorLoad> running,
                   const CpuOperatingPoint& point, double temperature_c) {
  const Demand demand = DemandOf(board, running);
  const double farad = board.idle_farad + demand.awake * board.cluster_farad +
                       board.core_farad * demand.core_activity;
  const double cpu_w =
      farad * point.voltage_v * point.voltage_v * point.frequency_hz +
      Leakage(board.cpu_leakage_w, temperature_c) * point.voltage_v / board.reference_v;
  const double gpu_w = board.gpu_idle_w + Leakage(board.gpu_leakage_w, temperature_c);
  const double awake_w =
      demand.awake * board.system_awake_w + board.joule_per_dram_byte * demand.dram_bytes_per_s;
  const double memory_w = board.memory_idle_w + awake_w;
  const double system_w =
      board.system_idle_w + Leakage(board.system_leakage_w, temperature_c) + awake_w;

  const double system_in_w = WithLoss(system_w, board.system_regulator);
  std::array<double, kBoardLoads> loads{};
  loads[static_cast<size_t>(BoardLoad::kCpu)] = WithLoss(cpu_w, board.core_regulator);
  loads[static_cast<size_t>(BoardLoad::kGpu)] = WithLoss(gpu_w, board.core_regulator);
  // The regulator's loss is shared in proportion.
  const double memory_in_w = system_w > 0 ? system_in_w * memory_w / system_w : 0;
  loads[static_cast<size_t>(BoardLoad::kMemory)] = memory_in_w;
  loads[static_cast<size_t>(BoardLoad::kRest)] = system_in_w - memory_in_w;

  BoardPower power;
  for (const double load : loads) power.all_w += load;
  for (size_t rail = 0; rail < board.rails.size(); ++rail) {
    for (size_t load = 0; load < kBoardLoads; ++load) {
      if (board.rails[rail].feeds[load]) power.watts[rail] += loads[load];
    }
  }
  return power;
}

double SupplyVoltage(const SimulationProfile& board, double all_w) {
  // V = supply - R * P / V, solved for V. More than it can give leaves half of the voltage.
  const double square = board.supply_v * board.supply_v - 4.0 * board.supply_ohm * all_w;
  return 0.5 * (board.supply_v + std::sqrt(std::max(square, 0.0)));
}

double RailVoltage(const SimulatedRail& rail, double supply_v) {
  return rail.volts > 0 ? rail.volts : supply_v;
}

double SteadyTemperature(const SimulationProfile& board, double all_w) {
  return board.ambient_c + board.kelvin_per_w * all_w;
}

double TemperatureAfter(const SimulationProfile& board, double temperature_c, double all_w,
                        double seconds) {
  const double steady = SteadyTemperature(board, all_w);
  return steady + (temperature_c - steady) * std::exp(-seconds / board.thermal_s);
}

double IdleTemperature(const SimulationProfile& board, const CpuOperatingPoint& point) {
  double temperature_c = board.ambient_c;
  for (int i = 0; i < 100; ++i) {  // a contraction: one step gains two digits
    temperature_c = SteadyTemperature(board, PowerOf(board, {}, point, temperature_c).all_w);
  }
  return temperature_c;
}

}  // namespace synergy::sim
