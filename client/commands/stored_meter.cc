#include "client/commands/stored_meter.h"

#include <utility>
#include <vector>

#include "client/meter/meter_fit.h"

namespace synergy {

absl::StatusOr<std::optional<ExportedMeter>> LoadMeter(Store& store, int64_t number,
                                                       std::string* damage) {
  const auto meter = [&]() -> absl::StatusOr<std::optional<ExportedMeter>> {
    absl::StatusOr<std::optional<v1::MeterRecord>> record = store.Meter(number);
    if (!record.ok()) return record.status();
    if (!*record) return std::optional<ExportedMeter>();
    absl::StatusOr<std::vector<MeterRail>> readings = ReadMeterRails(store, number, **record);
    if (!readings.ok()) return readings.status();
    HostMeter host{.record = **record, .rails = OnDeviceClock(*readings, **record)};
    for (RailPower& rail : host.rails) rail.rail = MeterRailName(rail.rail);
    return ExportedMeter{.host = std::move(host), .readings = *std::move(readings)};
  }();
  if (!absl::IsDataLoss(meter.status())) return meter;
  *damage = std::string(meter.status().message());
  return std::optional<ExportedMeter>();
}

}  // namespace synergy
