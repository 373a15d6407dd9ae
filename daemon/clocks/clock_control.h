// The clocks of this board for those who serve clients and run jobs: what they are, whether a
// request can be met, and the one lease on them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/conditions.h"
#include "daemon/clocks/cpu_clocks.h"
#include "daemon/clocks/device_clocks.h"
#include "daemon/clocks/frequency_lease.h"
#include "synergy/v1/clocks.pb.h"

namespace synergy {

struct ClockControlOptions {
  std::string sysfs_root = "/sys";
  std::string lease_folder;  // of the journal
  std::string boot_id;
  bool simulated = false;
  std::string cannot_set = {};  // why nothing can be set here; "": it can
  // Where the board's devices ("gpu", "memory") may have their clocks; the first of a name that is
  // there is taken. Without a "gpu" it is looked for under the names that GPUs usually have.
  std::vector<DeviceClockPaths> devices = {};
};

class ClockControl;

// The lease, as long as this object lives. Thread-compatible. Does not outlive its ClockControl.
class ClockHold {
 public:
  ~ClockHold();
  ClockHold(const ClockHold&) = delete;
  ClockHold& operator=(const ClockHold&) = delete;

  const v1::ClockLease& lease() const { return lease_; }
  // Puts everything back; what is left or was changed by somebody else, a line each: empty where
  // all is as it was. A second call finds nothing to do.
  std::vector<std::string> Release();

 private:
  friend class ClockControl;
  ClockHold(ClockControl& control, std::unique_ptr<FrequencyLease> frequencies)
      : control_(control), frequencies_(std::move(frequencies)) {}

  ClockControl& control_;
  std::unique_ptr<FrequencyLease> frequencies_;  // null: released
  v1::ClockLease lease_;
};

// Thread-safe.
class ClockControl {
 public:
  // `files` outlives it.
  ClockControl(ClockControlOptions options, AttributeFiles& files);

  // All that can be read; what cannot be is in its notes.
  v1::ClockState Describe() ABSL_LOCKS_EXCLUDED(mutex_);
  // What this board can say of its frequencies, temperatures and throttling. Does not outlive this.
  Conditions OpenConditions() const { return Conditions(files_, options_.sysfs_root); }
  // Something can be set here.
  bool CanSet();
  // OK where Take could meet the request now, whoever holds the lease. InvalidArgument with the
  // table where there is no such frequency, governor or core; FailedPrecondition where this board
  // cannot do it at all.
  absl::Status Check(const v1::ClockRequest& request);
  // Takes the lease, sets the clocks and reads them back. Besides Check's errors
  // FailedPrecondition with the holder where the lease is taken, and those of the kernel; then
  // everything is as it was. The journal of an earlier lease that could not be put back is tried
  // once more before.
  absl::StatusOr<std::unique_ptr<ClockHold>> Take(const v1::ClockRequest& request,
                                                  const std::string& holder)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class ClockHold;

  std::string Journal() const { return options_.lease_folder + "/clocks.journal"; }
  LeaseOptions LeaseFor(const std::string& holder) const;
  // NotFound where this kernel shows none that bears the name.
  absl::StatusOr<DeviceClock> Device(const std::string& name);
  absl::StatusOr<DeviceClock> Gpu();
  absl::StatusOr<std::vector<SettingResult>> Set(const v1::ClockRequest& request,
                                                 FrequencyLease& frequencies);
  v1::ClockLease Describe(const v1::ClockRequest& request, const std::string& holder,
                          const std::vector<SettingResult>& results) const;
  void Released() ABSL_LOCKS_EXCLUDED(mutex_);

  ClockControlOptions options_;
  AttributeFiles& files_;
  absl::Mutex mutex_;
  std::optional<v1::ClockLease> held_ ABSL_GUARDED_BY(mutex_);  // nothing: nobody has the lease
};

}  // namespace synergy
