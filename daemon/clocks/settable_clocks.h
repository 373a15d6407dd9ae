// What of a board's clocks can be read and set: those of the CPU and of devices, boost, a fan. Only
// reads by itself: what is to be written is written by a lease.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/device_clocks.h"
#include "daemon/clocks/fan.h"
#include "daemon/clocks/frequency_lease.h"
#include "synergy/v1/clocks.pb.h"

namespace synergy {

struct ClockPlaces {
  std::string sysfs_root = "/sys";
  // Where the board's devices ("gpu", "memory") may have their clocks; the first of a name that is
  // there is taken. Without a "gpu" it is looked for under the names that GPUs usually have.
  std::vector<DeviceClockPaths> devices = {};
  std::optional<FanPaths> fan = {};  // nothing: the board has none that can be set
};

// Thread-compatible; what it reads, others may change.
class SettableClocks {
 public:
  // `files` outlives it.
  SettableClocks(ClockPlaces places, AttributeFiles& files);

  const std::string& sysfs_root() const { return places_.sysfs_root; }  // without links

  // All that can be read; what cannot be is in its notes.
  void Describe(v1::ClockState& state) const;
  bool Any() const;  // something of it is there
  // The clocks of devices, where they are read.
  std::vector<WatchedClock> Watched() const;
  // As of ClockControl::Check.
  absl::Status Check(const v1::ClockRequest& request) const;
  // Under `lease`, on an error up to there.
  absl::StatusOr<std::vector<SettingResult>> Set(const v1::ClockRequest& request,
                                                 FrequencyLease& lease) const;
  // What else Set will do to the board, as of ClockLease.notes.
  std::vector<std::string> Notes(const v1::ClockRequest& request) const;
  // A control with the value that it has: writing it changes nothing. FailedPrecondition: there is
  // none.
  absl::StatusOr<Setting> Unchanged() const;

 private:
  // FailedPrecondition where this kernel shows none that bears the name.
  absl::StatusOr<DeviceClock> Device(const std::string& name) const;
  absl::StatusOr<Fan> FindFan() const;
  absl::StatusOr<std::vector<Setting>> PlanDevices(const v1::ClockRequest& request) const;

  ClockPlaces places_;
  AttributeFiles& files_;
};

}  // namespace synergy
