// An INA3221 behind the kernel's own driver, as JetPack 5 and later and mainline kernels have it
// (Documentation/hwmon/ina3221.rst, drivers/hwmon/ina3221.c).
//
// Open sets the chip up for the fastest sampling that is honest about all channels in use and that
// the board is known to allow (ina3221_hwmon_settings.h). The channels' windows are computed from
// what was read back.
// A tick reads the currents; each channel's voltage, which hardly changes, every 100 ms, never more
// than one a tick. Once a second the settings are read back.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/settings.h"
#include "daemon/power/attribute_group.h"
#include "daemon/power/cycle_freshness.h"
#include "daemon/power/hwmon_folder.h"
#include "daemon/power/ina3221_hwmon_settings.h"
#include "daemon/power/ina3221_hwmon_timing.h"
#include "daemon/power/known_ina3221.h"
#include "daemon/power/power_source.h"
#include "daemon/power/rail_names.h"

namespace synergy {

class HwmonIna3221Source final : public PowerSource {
 public:
  // Whether `device` is one: the chip's name, and its first current.
  static bool Fits(const HwmonDevice& device);

  // `known`: of this chip. `settings` and `clock` outlive the source. FailedPrecondition where
  // every channel is switched off or unconnected; the errors of common/sysfs.h.
  static absl::StatusOr<std::unique_ptr<HwmonIna3221Source>> Open(
      const std::string& sysfs, const HwmonDevice& device, const KnownIna3221& known,
      RailNames& names, SettingWriter& settings, Clock& clock);

  const std::string& name() const override { return name_; }
  // The currents of the channels in use, then their voltages.
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  // Besides PowerSource's errors: FailedPrecondition where somebody else changed the chip's
  // settings, since the readings' windows are then not the ones described.
  absl::Status Read(std::vector<ChannelReading>* out) override;
  // As often as a tick's reads fit, over a slow bus or where they wait for conversions, and twice
  // for each conversion at most.
  double max_rate_hz() const override;
  double asked_hz(size_t index) const override;
  std::vector<std::string> Remarks() const override;

  const Ina3221Cycle& cycle() const { return cycle_; }
  // Whether reads wait for a new conversion; nothing: not known.
  std::optional<bool> reads_wait() const { return reads_wait_; }

 private:
  // One of the chip's three inputs.
  struct Input {
    int number = 0;  // 1, 2, 3
    std::string rail;
    int64_t shunt_uohm = 0;  // 0: the driver does not tell
    double shunt_tolerance = 0;
  };

  HwmonIna3221Source(std::string sysfs, HwmonDevice device, const KnownIna3221& known,
                     SettingWriter& settings, Clock& clock);
  absl::Status FindInputs(const KnownIna3221& known, RailNames& names);
  // `offsets`: by channel.
  void Describe(const std::vector<double>& offsets);
  std::vector<std::string> Files() const;
  // Sets the chip up and finds out what came of it. Whenever the driver was bound anew.
  absl::Status Prepare(const std::string& folder);
  // Where in the chip's cycle the conversion of each channel ends, in periods.
  std::vector<double> Offsets(const std::string& folder) const;
  absl::Status VerifySettings();
  // Finds out how long a tick's reads take.
  absl::Status TimeRounds();
  absl::Status ReadChannel(size_t index, std::vector<ChannelReading>* out);

  const std::string sysfs_;
  const HwmonDevice device_;
  const std::string name_;
  Ina3221HwmonSettings chip_;
  Clock& clock_;
  std::vector<Input> inputs_;     // in use
  std::vector<int> unconnected_;  // numbers of inputs to switch off
  std::vector<v1::ChannelInfo> channels_;
  Ina3221Cycle cycle_;
  bool cycle_known_ = false;
  std::optional<bool> reads_wait_;
  double rounds_hz_ = std::numeric_limits<double>::infinity();
  std::vector<std::string> remarks_;
  std::optional<AttributeGroup> attributes_;        // by channel
  std::optional<Ina3221HwmonFreshness> freshness_;  // where reads wait
  std::optional<CycleFreshness> conversions_;       // where they do not tell
  uint64_t life_ = 0;                               // of attributes_
  size_t next_voltage_ = 0;                         // counts up; modulo the number of inputs
  MonotonicTime voltage_due_;
  MonotonicTime verify_due_;
};

}  // namespace synergy
