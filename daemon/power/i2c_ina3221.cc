#include "daemon/power/i2c_ina3221.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "daemon/power/i2c_dev_bus.h"
#include "daemon/power/ina3221_source.h"

namespace synergy {
OpenBus OpenI2cDev(Clock& clock) {
  return [&clock](int number) -> absl::StatusOr<std::shared_ptr<RegisterBus>> {
    // How fast the bus runs is not shown by the kernel.
    return I2cDevBus::Open(fmt::format("/dev/i2c-{}", number), 0, clock);
  };
}

absl::StatusOr<FoundSource> OpenI2cIna3221(BoundIna3221 chip, RailNames& names,
                                           SettingWriter& settings, const OpenBus& open_bus) {
  // Before the driver goes: without a bus it need not.
  absl::StatusOr<std::shared_ptr<RegisterBus>> bus = open_bus(chip.bus);
  if (!bus.ok()) return bus.status();
  if (absl::Status status = settings.Unbind(chip.device); !status.ok()) return status;
  // Not earlier: where the driver keeps the chip, its source needs these names.
  FoundSource found;
  for (std::optional<Ina3221Channel>& channel : chip.wiring.channels) {
    if (!channel.has_value()) continue;
    channel->rail = names.Take(channel->rail);
    found.rails.emplace_back().set_name(channel->rail);
  }
  chip.wiring.name += " (registers)";  // the driver's source has that name, too
  absl::StatusOr<std::unique_ptr<Ina3221Source>> source =
      Ina3221Source::Open(*std::move(bus), chip.wiring);
  if (!source.ok()) return source.status();
  found.source = *std::move(source);
  return found;
}

}  // namespace synergy
