// The true power of a Jetson TX1 module's three rails: a function of what runs, the CPU's operating
// point and the temperature of the chip. Formulas and sources of the constants:
// docs/simulated-tx1.md.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "daemon/power/board_profile.h"
#include "daemon/power/operator_load.h"

namespace synergy::tx1 {

// Rails, in the order of the board's profile.
inline constexpr size_t kVddIn = 0, kVddGpu = 1, kVddCpu = 2, kRails = 3;
using PerRail = std::array<double, kRails>;

// Watts of every rail while `running` runs (empty: idle) at a temperature in degrees Celsius.
PerRail RailPower(std::span<const OperatorLoad> running, const CpuOperatingPoint& point,
                  double temperature_c);

// Voltage at the module's input when it takes `vdd_in_w`: the supply sags with the current. All
// three rails are measured there.
double SupplyVoltage(double vdd_in_w);

// The temperature approaches ambient + resistance x VDD_IN exponentially.
inline constexpr double kAmbientC = 25.0;
inline constexpr double kThermalResistanceKPerW = 2.5;
inline constexpr double kThermalTimeConstantS = 30.0;
double SteadyTemperature(double vdd_in_w);
double TemperatureAfter(double temperature_c, double vdd_in_w, double seconds);
// Of a board that has idled for long.
double IdleTemperature(const CpuOperatingPoint& point);

}  // namespace synergy::tx1
