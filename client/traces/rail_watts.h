// The power of a rail out of its raw readings, as they come. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Watts from an instant on, until the next ones.
struct RailPowerPoint {
  int64_t from_ns = 0;
  double power_w = 0;
};

// Thread-compatible.
class RailWatts {
 public:
  // Every rail of which a power can be computed, in the order of the header's channels.
  static std::vector<RailWatts> Of(const v1::RunHeader& header);

  // Of the rail's power or energy, or of its current.
  const v1::ChannelInfo& channel() const { return channel_; }
  // Beside a current.
  const std::optional<v1::ChannelInfo>& voltage() const { return voltage_; }

  // All of voltage(), in order of time, before the first At.
  void AddVolts(const std::vector<Reading>& volts);

  // Of the next reading of channel(): a power from the reading's begin on; a current times the
  // voltage at its middle, linear between the voltage's readings and the nearest one outside them;
  // of a counter the mean since its update before, from that one's begin on. Absent: no voltage was
  // read, the counter stands or was reset.
  std::optional<RailPowerPoint> At(const Reading& reading);

 private:
  double VoltsAt(int64_t at_ns);

  v1::ChannelInfo channel_;
  std::optional<v1::ChannelInfo> voltage_;
  std::vector<Reading> volts_;
  size_t next_volt_ = 0;           // the first after the instant asked for last
  std::optional<Reading> update_;  // of the counter
};

}  // namespace synergy
