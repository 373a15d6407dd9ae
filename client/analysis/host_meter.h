// What a meter on the host measured of a run, as rails of the run beside the board's own. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/attribution/integrate.h"
#include "common/attribution/run_data.h"
#include "synergy/v1/meter.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

struct HostMeter {
  v1::MeterRecord record;
  std::vector<RailPower> rails;  // on the device's clock; named "meter:NAME"
};

std::string MeterRailName(const std::string& name);

// The method's results for the board's rails and, behind them, the meter's. What is shorter than
// twice the uncertainty of the meter's clock has no energy on the meter's rails: absent.
Attribution SolveWithMeter(const RunData& data, const HostMeter& meter);

// Scope wall, source "meter exec:COMMAND".
std::vector<v1::RailInfo> MeterRailInfos(const HostMeter& meter);

// Why the meter's rails must be doubted, as RunEnd.reasons has it; empty: nothing speaks against
// them.
std::vector<std::string> MeterReasons(const HostMeter& meter, const Attribution& attribution);

}  // namespace synergy
