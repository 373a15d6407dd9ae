#include "daemon/power/known_ina3221.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/sysfs.h"
#include "daemon/power/ina3221_registers.h"
#include "daemon/power/source_description.h"

namespace synergy {
namespace {

// The sensor and the channel that measure the rail of this label.
struct Measured {
  const SensorProfile* sensor = nullptr;
  const SensorChannelProfile* channel = nullptr;
};

Measured MeasuredBy(const BoardProfile& profile, const std::string& label) {
  for (const RailProfile& rail : profile.rails) {
    if (std::ranges::find(rail.labels, label) == rail.labels.end()) continue;
    for (const SensorProfile& sensor : profile.sensors) {
      const auto channel =
          std::ranges::find(sensor.channels, rail.info.name(), &SensorChannelProfile::rail);
      if (channel != sensor.channels.end()) return {&sensor, &*channel};
    }
  }
  return {};
}

// Nothing: they agree, or the driver does not tell.
std::optional<std::string> CompareShunt(const BoardProfile& profile, const HwmonDevice& device,
                                        int number, const std::string& label,
                                        const SensorChannelProfile& channel) {
  const std::string file = fmt::format("{}/shunt{}_resistor", device.folder, number);
  const double kernel_ohm = 1e-6 * static_cast<double>(ReadSysfsInteger(file).value_or(0));
  if (kernel_ohm <= 0) return std::nullopt;
  if (std::abs(kernel_ohm - channel.shunt_ohm) <= kSameShunt * channel.shunt_ohm) {
    return std::nullopt;
  }
  return fmt::format(
      "{}: the kernel takes the shunt of {} for {:g} mOhm, and the profile of {} says {:g} mOhm. "
      "The kernel's is used: if the profile is right, true currents and powers of {} are {:.3g} "
      "times what is shown{}where the profile is right: echo {:.0f} | sudo tee {}; then restart "
      "synergyd",
      device.Name(), label, 1e3 * kernel_ohm, profile.id, 1e3 * channel.shunt_ohm, label,
      kernel_ohm / channel.shunt_ohm, kToMend, 1e6 * channel.shunt_ohm, file);
}

}  // namespace

KnownIna3221 KnowIna3221(const BoardProfile& profile, const HwmonDevice& device) {
  KnownIna3221 known;
  const SensorProfile* sensor = nullptr;
  for (int number = 1; number <= static_cast<int>(ina3221::kChannels); ++number) {
    const std::string label =
        ReadSysfs(fmt::format("{}/in{}_label", device.folder, number)).value_or("");
    const Measured measured = MeasuredBy(profile, label);
    if (measured.sensor == nullptr) continue;
    if (sensor == nullptr) sensor = measured.sensor;
    known.shunt_tolerance[static_cast<size_t>(number) - 1] = measured.channel->shunt_tolerance;
    auto remark = CompareShunt(profile, device, number, label, *measured.channel);
    if (remark) known.remarks.push_back(*std::move(remark));
  }
  if (sensor == nullptr) return known;
  known.averages = sensor->averages;
  known.conversion_us = sensor->conversion_us;
  return known;
}

}  // namespace synergy
