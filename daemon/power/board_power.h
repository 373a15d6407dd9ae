// The true power of a simulated board's rails: a function of what runs, the CPU's operating point
// and the temperature. Formulas and sources of the constants: docs/simulated-boards.md.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "daemon/power/operator_load.h"
#include "daemon/power/simulation_profile.h"

namespace synergy::sim {

// By rail, in the order of the profile; those that the board does not have are 0.
inline constexpr size_t kRails = kMostSimulatedRails;
using PerRail = std::array<double, kRails>;

struct BoardPower {
  PerRail watts{};
  double all_w = 0;  // of the board: what warms it, and what its supply gives
  friend bool operator==(const BoardPower&, const BoardPower&) = default;
};

// While `running` runs (empty: idle) at a temperature in degrees Celsius.
BoardPower PowerOf(const SimulationProfile& board, std::span<const OperatorLoad> running,
                   const CpuOperatingPoint& point, double temperature_c);

// Voltage of the supply when it gives `all_w`: it sags with the current.
double SupplyVoltage(const SimulationProfile& board, double all_w);
// Where the rail is measured.
double RailVoltage(const SimulatedRail& rail, double supply_v);

// The temperature approaches ambient + resistance x power exponentially.
double SteadyTemperature(const SimulationProfile& board, double all_w);
double TemperatureAfter(const SimulationProfile& board, double temperature_c, double all_w,
                        double seconds);
// Of a board that has idled for long.
double IdleTemperature(const SimulationProfile& board, const CpuOperatingPoint& point);

}  // namespace synergy::sim
