#include "daemon/power/jetson_tx1_power.h"

#include <algorithm>
#include <cmath>

namespace synergy::tx1 {
namespace {

// CPU cluster: dynamic power is capacitance x V^2 x f.
constexpr double kIdleFarad = 0.02e-9;     // clock tree and interrupts of an idle cluster
constexpr double kClusterFarad = 0.13e-9;  // L2 and interconnect, once any core works
constexpr double kCoreFarad = 0.50e-9;     // one core in dense arithmetic
constexpr double kStalled = 0.45;          // a core that waits for memory, relative to that
constexpr double kCores = 4;
constexpr double kReferenceVoltage = 1.2275;  // of the highest operating point

// Leakage at the reference temperature, and how it grows: twice every 25 K.
constexpr double kReferenceC = 45.0;
constexpr double kLeakageScaleK = 36.0;
constexpr double kCpuLeakageW = 0.16;
constexpr double kGpuLeakageW = 0.08;
constexpr double kSocLeakageW = 0.20;

constexpr double kGpuIdleW = 0.02;  // power-gated while only the CPU works
// Memory in self-refresh, storage, network, clocks: whatever the module does when it does nothing.
constexpr double kSocIdleW = 1.55;
// Memory controller, memory and fabric at full clocks, once a core works.
constexpr double kSocAwakeW = 1.60;
constexpr double kJoulePerDramByte = 200e-12;
// The most that deviating operators may reach together.
constexpr double kHighestDramBytesPerS = 1.25 * kDramBytesPerS;

// What a regulator loses: for itself, in proportion to the current, and in its resistance.
struct Regulator {
  double fixed_w;
  double linear;
  double per_w;
};
constexpr Regulator kCoreRegulator{0.03, 0.07, 0.012};
constexpr Regulator kSystemRegulator{0.06, 0.06, 0.010};  // 5 V and what hangs on it

double WithLoss(double load_w, const Regulator& r) {
  return load_w + r.fixed_w + r.linear * load_w + r.per_w * load_w * load_w;
}

constexpr double kSupplyV = 19.0;
constexpr double kSupplyOhm = 0.08;  // adapter, cable and connectors

double Leakage(double reference_w, double temperature_c) {
  return reference_w * std::exp((temperature_c - kReferenceC) / kLeakageScaleK);
}

}  // namespace

PerRail RailPower(std::span<const OperatorLoad> running, const CpuOperatingPoint& point,
                  double temperature_c) {
  double cores = 0, core_activity = 0, dram_bytes_per_s = 0, awake = 0;
  for (const OperatorLoad& load : running) {
    const double activity = load.switching * load.pipe_share + kStalled * (1.0 - load.pipe_share);
    cores += load.cores;
    core_activity += load.deviation * load.cores * activity;
    dram_bytes_per_s += load.deviation * load.dram_bytes_per_s;
    awake += load.deviation / static_cast<double>(running.size());
  }
  if (cores > kCores) core_activity *= kCores / cores;  // they take turns
  dram_bytes_per_s = std::min(dram_bytes_per_s, kHighestDramBytesPerS);

  const double farad = kIdleFarad + awake * kClusterFarad + kCoreFarad * core_activity;
  const double cpu_w = farad * point.voltage_v * point.voltage_v * point.frequency_hz +
                       Leakage(kCpuLeakageW, temperature_c) * point.voltage_v / kReferenceVoltage;
  const double gpu_w = kGpuIdleW + Leakage(kGpuLeakageW, temperature_c);
  const double soc_w = kSocIdleW + Leakage(kSocLeakageW, temperature_c) + awake * kSocAwakeW +
                       kJoulePerDramByte * dram_bytes_per_s;

  PerRail watts{};
  watts[kVddCpu] = WithLoss(cpu_w, kCoreRegulator);
  watts[kVddGpu] = WithLoss(gpu_w, kCoreRegulator);
  watts[kVddIn] = watts[kVddCpu] + watts[kVddGpu] + WithLoss(soc_w, kSystemRegulator);
  return watts;
}

double SupplyVoltage(double vdd_in_w) {
  // V = supply - R * P / V, solved for V.
  return 0.5 * (kSupplyV + std::sqrt(kSupplyV * kSupplyV - 4.0 * kSupplyOhm * vdd_in_w));
}

double SteadyTemperature(double vdd_in_w) { return kAmbientC + kThermalResistanceKPerW * vdd_in_w; }

double TemperatureAfter(double temperature_c, double vdd_in_w, double seconds) {
  const double steady = SteadyTemperature(vdd_in_w);
  return steady + (temperature_c - steady) * std::exp(-seconds / kThermalTimeConstantS);
}

double IdleTemperature(const CpuOperatingPoint& point) {
  double temperature_c = kAmbientC;
  for (int i = 0; i < 100; ++i) {  // a contraction: one step gains two digits
    temperature_c = SteadyTemperature(RailPower({}, point, temperature_c)[kVddIn]);
  }
  return temperature_c;
}

}  // namespace synergy::tx1
