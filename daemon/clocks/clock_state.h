// Requests and states of clocks between their messages and what the kernel's files hold.
#pragma once

#include "daemon/clocks/cpu_clocks.h"
#include "daemon/clocks/device_clocks.h"
#include "synergy/v1/clocks.pb.h"

namespace synergy {

CpuRequest CpuRequestOf(const v1::ClockRequest& request);
DeviceRequest DeviceRequestOf(const v1::ClockSpeed& speed);

void DescribeCpu(const CpuClocks& clocks, v1::ClockState& state);
void DescribeDevice(const DeviceClock& clock, v1::ClockState& state);

}  // namespace synergy
