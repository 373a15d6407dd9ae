#include "daemon/clocks/clock_state.h"

namespace synergy {
namespace {

int64_t HzOrUnknown(const std::optional<DeviceFrequency>& frequency) {
  return frequency.has_value() ? frequency->hz : 0;
}

void DescribePolicy(const CpuPolicy& policy, v1::CpuPolicyState& state) {
  state.set_name(policy.name);
  state.set_active(policy.active);
  for (const int cpu : policy.related_cpus) state.add_cpus(static_cast<uint32_t>(cpu));
  if (!policy.active) return;
  state.set_driver(policy.driver);
  state.set_governor(policy.governor);
  state.mutable_governors()->Assign(policy.governors.begin(), policy.governors.end());
  for (const Frequency frequency : policy.frequencies) state.add_frequencies_khz(frequency.khz);
  for (const Frequency frequency : policy.boost_frequencies) {
    state.add_boost_frequencies_khz(frequency.khz);
  }
  state.set_lowest_khz(policy.lowest.khz);
  state.set_highest_khz(policy.highest.khz);
  state.set_min_khz(policy.min.khz);
  state.set_max_khz(policy.max.khz);
  state.set_current_khz(policy.current.value_or(Frequency{}).khz);
}

}  // namespace

CpuRequest CpuRequestOf(const v1::ClockRequest& request) {
  CpuRequest cpu;
  cpu.governor = request.governor();
  for (const uint32_t core : request.cpus()) cpu.cpus.push_back(static_cast<int>(core));
  if (request.cpu().has_khz()) {
    cpu.speed = CpuRequest::Speed::kFrequency;
    cpu.frequency = {request.cpu().khz()};
  } else if (request.cpu().has_extreme()) {
    const bool least = request.cpu().extreme() == v1::ClockSpeed::EXTREME_MIN;
    cpu.speed = least ? CpuRequest::Speed::kMin : CpuRequest::Speed::kMax;
  }
  if (request.has_boost()) cpu.boost = request.boost();
  return cpu;
}

DeviceRequest DeviceRequestOf(const v1::ClockSpeed& speed) {
  DeviceRequest device;
  if (speed.has_khz()) {
    device.frequency = {speed.khz()};
  } else {
    const bool least = speed.extreme() == v1::ClockSpeed::EXTREME_MIN;
    device.speed = least ? DeviceRequest::Speed::kMin : DeviceRequest::Speed::kMax;
  }
  return device;
}

void DescribeCpu(const CpuClocks& clocks, v1::ClockState& state) {
  for (const CpuPolicy& policy : clocks.policies) DescribePolicy(policy, *state.add_policies());
  for (const CpuCore& core : clocks.cores) {
    v1::CpuCoreState& shown = *state.add_cores();
    shown.set_number(static_cast<uint32_t>(core.number));
    shown.set_on(core.on);
    shown.set_fixed(core.fixed);
  }
}

void DescribeDevice(const DeviceClock& clock, v1::ClockState& state) {
  v1::DeviceClockState& device = *state.add_devices();
  device.set_name(clock.name);
  device.set_governor(clock.governor);
  device.mutable_governors()->Assign(clock.governors.begin(), clock.governors.end());
  for (const DeviceFrequency frequency : clock.frequencies) {
    device.add_frequencies_hz(frequency.hz);
  }
  device.set_lowest_hz(HzOrUnknown(clock.lowest));
  device.set_highest_hz(HzOrUnknown(clock.highest));
  device.set_min_hz(HzOrUnknown(clock.min));
  device.set_max_hz(HzOrUnknown(clock.max));
  device.set_current_hz(HzOrUnknown(clock.current));
}

}  // namespace synergy
