// The clocks of a simulated board: a folder of files as sysfs shows them, with those manners of the
// kernel that a lease meets. SIMULATED: nothing but these files changes when they are written, no
// time and no power follows them.
//
// Each file holds what was last asked for, as the kernel remembers it; what is read is made from
// these (drivers/cpufreq/cpufreq.c, drivers/devfreq/devfreq.c of Linux 6.1): limits are rounded
// into the table and clamped into each other, setspeed is rounded up and belongs to the governor
// userspace, the present frequency follows governor and limits, a core that is off leaves its
// policy. So a write is one file replaced at once, and a process that is killed leaves none
// half-written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/clocks/attribute_files.h"

namespace synergy {

struct SimulatedClockSpec {
  int cores = 0;                 // of one policy
  std::vector<int64_t> cpu_khz;  // rising
  std::vector<int64_t> gpu_hz;   // rising; empty: there is no GPU
};

// Makes the tree in `folder` where there is none of this boot: a restart of the machine sets a real
// board's clocks back, too.
absl::Status MakeSimulatedClocks(const std::string& folder, const SimulatedClockSpec& spec,
                                 const std::string& boot_id);
// The sysfs root of such a folder.
std::string SimulatedSysfsRoot(const std::string& folder);

// Thread-safe; one process at a time.
class SimulatedClocks final : public AttributeFiles {
 public:
  // The tree need not be there yet.
  explicit SimulatedClocks(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<std::string> Read(const std::string& path) override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(const std::string& path, const std::string& value) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::string> List(const std::string& folder) override;
  absl::StatusOr<std::string> Resolve(const std::string& path) override;

 private:
  const std::string folder_;
  absl::Mutex mutex_;
};

}  // namespace synergy
