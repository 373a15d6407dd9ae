// The clocks of a simulated board: a folder of files as sysfs shows them, with those manners of the
// kernel that a lease meets. SIMULATED: nothing but these files changes when they are written, no
// time and no power follows them.
//
// Each file holds what was last asked for, as the kernel remembers it; what is read is made from
// these (drivers/cpufreq/cpufreq.c, drivers/devfreq/devfreq.c of Linux 6.1): limits are rounded
// into the table and clamped into each other, setspeed is rounded up and belongs to the governor
// userspace, the present frequency follows governor and limits, a core that is off leaves its
// policy. So a write is one file replaced at once, and a process that is killed leaves none
// half-written. The temperature, and how far the CPU is held back, are asked of the board's model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/device_clocks.h"
#include "daemon/clocks/fan.h"

namespace synergy {

struct SimulatedClockSpec {
  int cores = 0;                  // of one policy
  std::vector<int64_t> cpu_khz;   // rising
  std::vector<int64_t> gpu_hz;    // rising; empty: there is no GPU
  std::string thermal_zone = {};  // type of the one zone; "": there is none
  bool throttle_counter = false;  // x86's core_throttle_count; else a cooling device
  bool memory = false;            // its clock can be overridden, within a TX1's range
  uint32_t fan_full = 0;          // a fan's value at full speed; 0: there is none
};

// Where such a tree has the clocks of its devices and its fan: where L4T has them.
std::vector<DeviceClockPaths> SimulatedDevices(const SimulatedClockSpec& spec);
std::optional<FanPaths> SimulatedFan(const SimulatedClockSpec& spec);

// Makes the tree in `folder` where there is none of this boot: a restart of the machine sets a real
// board's clocks back, too.
absl::Status MakeSimulatedClocks(const std::string& folder, const SimulatedClockSpec& spec,
                                 const std::string& boot_id);
// The sysfs root of such a folder.
std::string SimulatedSysfsRoot(const std::string& folder);

// What the board's model says when its files are read; either may be null.
struct SimulatedHeat {
  std::function<double()> celsius = {};
  // What the CPU is held back to; nothing: it is not throttled.
  std::function<std::optional<int64_t>()> throttled_khz = {};
};

// Thread-safe; one process at a time.
class SimulatedClocks final : public AttributeFiles {
 public:
  // The tree need not be there yet.
  explicit SimulatedClocks(std::string folder, SimulatedHeat heat = {})
      : folder_(std::move(folder)), heat_(std::move(heat)) {}

  absl::StatusOr<std::string> Read(const std::string& path) override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(const std::string& path, const std::string& value) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::string> List(const std::string& folder) override;
  absl::StatusOr<std::string> Resolve(const std::string& path) override;

 private:
  // What heat makes of an attribute whose own text is `own`; nothing: it stays.
  std::optional<std::string> Heated(const std::string& path, const std::string& own)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  const SimulatedHeat heat_;
  // Rises each time that it is read while the CPU is held back.
  int64_t throttle_count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Mutex mutex_;
};

}  // namespace synergy
