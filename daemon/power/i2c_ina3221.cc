#include "daemon/power/i2c_ina3221.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "common/sysfs.h"
#include "daemon/power/i2c_dev_bus.h"
#include "daemon/power/ina3221_source.h"

namespace synergy {
namespace {

// What NVIDIA's device trees call an input that nothing is connected to.
constexpr std::string_view kNotConnected = "NC";

struct ChipPlace {
  int bus = 0;
  uint8_t address = 0;
};

// Of a device's folder ".../1-0040": the number of the bus, the address in hexadecimal.
absl::StatusOr<ChipPlace> PlaceOf(const std::string& device) {
  const std::string name = device.substr(device.rfind('/') + 1);
  const size_t dash = name.find('-');
  ChipPlace place;
  unsigned address = 0;
  if (dash != std::string::npos) {
    const char* const begin = name.data();
    const auto bus = std::from_chars(begin, begin + dash, place.bus);
    const auto chip = std::from_chars(begin + dash + 1, begin + name.size(), address, 16);
    if (bus.ec == std::errc() && bus.ptr == begin + dash && chip.ec == std::errc() &&
        chip.ptr == begin + name.size() && address < 0x80) {
      place.address = static_cast<uint8_t>(address);
      return place;
    }
  }
  return absl::FailedPreconditionError(
      fmt::format("{}: is no chip on an I2C bus, whose folder would be like 1-0040", device));
}

absl::StatusOr<Ina3221Wiring> WiringOf(const HwmonDevice& device, uint8_t address,
                                       RailNames& names) {
  Ina3221Wiring wiring;
  wiring.address = address;
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
    wiring.channels[i] = {
        .rail =
            names.Take(label.empty() ? fmt::format("{} channel {}", device.Name(), number) : label),
        .shunt_ohm = 1e-6 * static_cast<double>(*shunt)};
  }
  return wiring;
}

}  // namespace

OpenBus OpenI2cDev(Clock& clock) {
  return [&clock](int number) -> absl::StatusOr<std::shared_ptr<RegisterBus>> {
    // How fast the bus runs is not shown by the kernel.
    return I2cDevBus::Open(fmt::format("/dev/i2c-{}", number), 0, clock);
  };
}

absl::StatusOr<FoundSource> OpenI2cIna3221(const HwmonDevice& device, const KnownIna3221& known,
                                           RailNames& names, SettingWriter& settings,
                                           const OpenBus& open_bus) {
  const absl::StatusOr<ChipPlace> place = PlaceOf(device.device);
  if (!place.ok()) return place.status();
  // Before the driver goes: without a bus it need not.
  absl::StatusOr<std::shared_ptr<RegisterBus>> bus = open_bus(place->bus);
  if (!bus.ok()) return bus.status();
  absl::StatusOr<Ina3221Wiring> wiring = WiringOf(device, place->address, names);
  if (!wiring.ok()) return wiring.status();
  wiring->averages = known.averages;
  wiring->conversion_us = known.conversion_us;
  wiring->remarks = known.remarks;
  if (absl::Status status = settings.Unbind(device.device); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Ina3221Source>> source =
      Ina3221Source::Open(*std::move(bus), *wiring);
  if (!source.ok()) return source.status();
  FoundSource found;
  for (const std::optional<Ina3221Channel>& channel : wiring->channels) {
    if (channel.has_value()) found.rails.emplace_back().set_name(channel->rail);
  }
  found.source = *std::move(source);
  return found;
}

}  // namespace synergy
