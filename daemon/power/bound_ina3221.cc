#include "daemon/power/bound_ina3221.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "common/sysfs.h"
#include "daemon/power/iio_ina3221_source.h"
#include "daemon/power/known_ina3221.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

// Of a device's folder ".../1-0040": the number of the bus, the address in hexadecimal.
absl::StatusOr<BoundIna3221> AtPlaceOf(const std::string& device) {
  const std::string name = fs::path(device).filename().string();
  const size_t dash = name.find('-');
  BoundIna3221 chip;
  unsigned address = 0;
  if (dash != std::string::npos) {
    const char* const begin = name.data();
    const auto bus = std::from_chars(begin, begin + dash, chip.bus);
    const auto end = std::from_chars(begin + dash + 1, begin + name.size(), address, 16);
    if (bus.ec == std::errc() && bus.ptr == begin + dash && end.ec == std::errc() &&
        end.ptr == begin + name.size() && address < 0x80) {
      chip.device = device;
      chip.wiring.address = static_cast<uint8_t>(address);
      chip.wiring.name = fmt::format("ina3221 {}", name);
      return chip;
    }
  }
  return absl::FailedPreconditionError(
      fmt::format("{}: is no chip on an I2C bus, whose folder would be like 1-0040", device));
}

absl::StatusOr<BoundIna3221> WithInputs(BoundIna3221 chip) {
  if (std::ranges::any_of(chip.wiring.channels, [](const auto& c) { return c.has_value(); })) {
    return chip;
  }
  return absl::FailedPreconditionError(
      fmt::format("{}: its driver shows no input that is in use", chip.wiring.name));
}

// What the profile says of the chip at this place; null where it says nothing.
const SensorProfile* SensorAt(const BoardProfile& profile, const BoundIna3221& chip) {
  const std::string bus = fmt::format("i2c-{}", chip.bus);
  const auto sensor = std::ranges::find_if(profile.sensors, [&](const SensorProfile& s) {
    return s.chip == "ina3221" && s.bus == bus && s.address == chip.wiring.address;
  });
  return sensor == profile.sensors.end() ? nullptr : &*sensor;
}

// Null: the profile knows no such rail at this channel, so that it may mean another board.
const SensorChannelProfile* ProfileChannel(const BoardProfile& profile, const SensorProfile* sensor,
                                           uint32_t number, const std::string& label) {
  if (sensor == nullptr) return nullptr;
  for (const SensorChannelProfile& channel : sensor->channels) {
    if (channel.number != number) continue;
    for (const RailProfile& rail : profile.rails) {
      if (rail.info.name() == channel.rail && std::ranges::count(rail.labels, label) > 0) {
        return &channel;
      }
    }
  }
  return nullptr;
}

std::string DifferentShunts(const std::string& chip, const std::string& rail, double tree_ohm,
                            const BoardProfile& profile, double profile_ohm) {
  return fmt::format(
      "{}: the device tree has a shunt of {:g} mOhm for {}, and the profile of {} says {:g} mOhm. "
      "The device tree's is used, as by the kernel's driver: if the profile is right, true "
      "currents and powers of {} are {:.3g} times what is shown",
      chip, 1e3 * tree_ohm, rail, profile.id, 1e3 * profile_ohm, rail, tree_ohm / profile_ohm);
}

}  // namespace

absl::StatusOr<BoundIna3221> DescribeHwmonIna3221(const HwmonDevice& device,
                                                  const KnownIna3221& known) {
  absl::StatusOr<BoundIna3221> chip = AtPlaceOf(device.device);
  if (!chip.ok()) return chip.status();
  chip->wiring.averages = known.averages;
  chip->wiring.conversion_us = known.conversion_us;
  chip->wiring.remarks = known.remarks;
  for (size_t i = 0; i < ina3221::kChannels; ++i) {
    const std::string folder = device.folder + "/";
    const int number = static_cast<int>(i) + 1;
    if (!HasAttribute(device.folder, fmt::format("curr{}_input", number))) continue;
    if (ReadSysfsInteger(fmt::format("{}in{}_enable", folder, number)).value_or(1) == 0) continue;
    const std::string label = ReadSysfs(fmt::format("{}in{}_label", folder, number)).value_or("");
    if (label == kNotConnected) continue;
    const absl::StatusOr<int64_t> shunt =
        ReadSysfsInteger(fmt::format("{}shunt{}_resistor", folder, number));
    if (!shunt.ok() || *shunt <= 0) {
      return absl::FailedPreconditionError(fmt::format(
          "{}: the driver does not say what the shunt of channel {} is", device.Name(), number));
    }
    chip->wiring.channels[i] = {
        .rail = label.empty() ? fmt::format("{} channel {}", device.Name(), number) : label,
        .shunt_ohm = 1e-6 * static_cast<double>(*shunt),
        .shunt_tolerance = known.shunt_tolerance[i]};
  }
  return WithInputs(*std::move(chip));
}

absl::StatusOr<BoundIna3221> DescribeIioIna3221(const std::string& folder,
                                                const BoardProfile& profile) {
  absl::StatusOr<BoundIna3221> chip = AtPlaceOf(fs::path(folder).parent_path().string());
  if (!chip.ok()) return chip.status();
  Ina3221Wiring& wiring = chip->wiring;
  const SensorProfile* sensor = SensorAt(profile, *chip);
  for (const IioIna3221Input& input : ListIioIna3221Inputs(folder)) {
    const auto number = static_cast<uint32_t>(input.index) + 1;
    const SensorChannelProfile* known = ProfileChannel(profile, sensor, number, input.rail);
    if (!input.shunt_ohm && known == nullptr) {
      return absl::FailedPreconditionError(fmt::format(
          "{}: the shunt of {} (channel {}) is not known: the device tree shows none "
          "(ti,shunt-resistor-mohm), nor does the board's profile have this rail at this channel "
          "of an ina3221 at {:#04x} on i2c-{}",
          wiring.name, input.rail, number, wiring.address, chip->bus));
    }
    const double shunt_ohm = input.shunt_ohm ? *input.shunt_ohm : known->shunt_ohm;
    if (known != nullptr &&
        std::abs(shunt_ohm - known->shunt_ohm) > kSameShunt * known->shunt_ohm) {
      wiring.remarks.push_back(
          DifferentShunts(wiring.name, input.rail, shunt_ohm, profile, known->shunt_ohm));
    }
    if (input.corrected) {
      wiring.remarks.push_back(fmt::format(
          "{}: the kernel's driver corrects the current of {} by an offset of the device tree "
          "(shunt-volt-offset-uv), and the registers do not have that correction",
          wiring.name, input.rail));
    }
    if (known != nullptr) {
      wiring.averages = sensor->averages;
      wiring.conversion_us = sensor->conversion_us;
    }
    wiring.channels[input.index] = {
        .rail = input.rail,
        .shunt_ohm = shunt_ohm,
        .shunt_tolerance = known != nullptr ? known->shunt_tolerance : kShuntTolerance};
  }
  return WithInputs(*std::move(chip));
}

}  // namespace synergy
