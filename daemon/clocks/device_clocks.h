// Clocks of devices besides the CPU: those that devfreq governs (GPU, memory), and those that a
// vendor's debugfs lets one override. Only reads: the lease writes. Which there are on a board, its
// profile says (Documentation/ABI/testing/sysfs-class-devfreq; for overrides NVIDIA's
// jetson_clocks.sh).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/frequency.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/frequency_lease.h"

namespace synergy {

// Where a clock is controlled, below the sysfs root ("class/devfreq/57000000.gpu"; debugfs is at
// "kernel/debug"). Either `devfreq` or the others are set.
struct DeviceClockPaths {
  std::string name = {};     // "gpu", "memory"
  std::string devfreq = {};  // folder; a '*' stands for the rest of a name: "class/devfreq/*.gpu"

  std::string rate = {};       // the rate that the override sets, in Hz
  std::string rate_read = {};  // where the rate now is read; "": at `rate`
  std::string state = {};      // "1": overridden, "0": not
  std::string lowest = {};     // the lowest and the highest rate, in Hz; "": not known
  std::string highest = {};
};

// A frequency as the device counts it: not every one is a whole number of kilohertz.
struct DeviceFrequency {
  int64_t hz = 0;
  Frequency Rounded() const { return {(hz + 500) / 1000}; }
};

struct DeviceClock {
  std::string name;
  DeviceClockPaths paths;  // absolute, without '*'
  std::string governor;    // devfreq only
  std::vector<std::string> governors;
  std::vector<DeviceFrequency> frequencies;  // rising; empty: any from `lowest` to `highest`
  std::optional<DeviceFrequency> lowest, highest;
  std::optional<DeviceFrequency> min, max;  // limits now; devfreq only
  std::optional<DeviceFrequency> current;
  bool overridden = false;

  bool IsDevfreq() const { return !paths.devfreq.empty(); }
};

// Where a clock is seen at work while others use it.
struct WatchedClock {
  std::string name;          // as a run's records call it: "57000000.gpu" (the devfreq's), "memory"
  std::string path;          // of its rate now, in Hz
  std::string control = {};  // that overrides it, below the sysfs root; "": it has limits
};

// NotFound with what was looked for, where this kernel does not have it.
absl::StatusOr<DeviceClock> ReadDeviceClock(AttributeFiles& files, const std::string& sysfs_root,
                                            const DeviceClockPaths& paths);

std::string DescribeFrequencies(const DeviceClock& clock);

struct DeviceRequest {
  enum class Speed { kFrequency, kMin, kMax };
  Speed speed = Speed::kFrequency;
  Frequency frequency = {};   // kFrequency; the device's own that rounds to it is taken
  std::string governor = {};  // "": as it is
};

// As PlanCpuRequest: refused with the table where there is no such frequency or governor.
absl::StatusOr<std::vector<Setting>> PlanDeviceRequest(const DeviceClock& clock,
                                                       const DeviceRequest& request);

}  // namespace synergy
