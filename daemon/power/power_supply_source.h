// Fuel gauges of batteries, through <sysfs>/class/power_supply
// (Documentation/ABI/testing/sysfs-class-power): power_now in uW, or voltage_now in uV and
// current_now in uA, with `status`. Far too slow for operators: whole networks only.
//
// Power that the battery gives is positive. The documentation has current negative while the
// battery is discharged; many drivers show a positive magnitude at all times. So the sign is taken
// from `status` where that says Discharging or Charging, from the documentation otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/power/attribute_group.h"
#include "daemon/power/power_source.h"
#include "daemon/power/rail_names.h"

namespace synergy {

// The span between two updates of a value, from when it was seen to change. A value that did not
// change for a while says nothing, so the shortest spans count. Thread-compatible.
class UpdateInterval {
 public:
  void OnRead(int64_t value, MonotonicTime at);
  // Nothing before eight changes were seen.
  std::optional<double> seconds() const;

 private:
  static constexpr size_t kSpans = 8;

  std::optional<int64_t> last_;
  std::optional<MonotonicTime> changed_;
  std::vector<double> spans_;  // the newest kSpans, as a ring
  size_t next_ = 0;
};

class PowerSupplySource final : public PowerSource {
 public:
  // Names of supplies that could be read: batteries with power, or current and voltage. Where there
  // is none, gauges of the type BMS, as kernels of phones have them beside the battery.
  static std::vector<std::string> List(const std::string& sysfs,
                                       const std::shared_ptr<SysfsTree>& tree = FileTree());
  // The batteries and gauges that List leaves out, a line each: which, and why.
  static std::vector<std::string> ListUnread(const std::string& sysfs,
                                             const std::shared_ptr<SysfsTree>& tree = FileTree());

  // `supply` is one of them. `clock` outlives the source.
  static absl::StatusOr<std::unique_ptr<PowerSupplySource>> Open(
      const std::string& sysfs, const std::string& supply, RailNames& names, Clock& clock,
      const std::shared_ptr<SysfsTree>& tree = FileTree());

  const std::string& name() const override { return name_; }
  // The power; or the current, then the voltage. Windows are not known.
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  absl::Status Read(std::vector<ChannelReading>* out) override;
  // 10 Hz, until it is known how often the gauge updates; then twice that, from 1 Hz on.
  double max_rate_hz() const override { return max_rate_hz_; }
  std::vector<std::string> Remarks() const override;

  // How often the gauge was seen to update its value; nothing: it changed too seldom to know.
  std::optional<double> update_hz() const;

 private:
  explicit PowerSupplySource(std::string name) : name_(std::move(name)) {}
  void AddChannel(const std::string& rail, v1::ChannelInfo::Quantity quantity,
                  const std::string& file);
  absl::Status ReadChannel(size_t index, std::string_view status, std::vector<ChannelReading>* out);

  const std::string name_;
  std::vector<v1::ChannelInfo> channels_;
  std::vector<std::optional<int64_t>> last_;  // by channel
  std::optional<AttributeGroup> attributes_;  // status, then by channel
  uint64_t life_ = 0;
  UpdateInterval updates_;  // of the first channel
  double max_rate_hz_ = 10;
};

}  // namespace synergy
