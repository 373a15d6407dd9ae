// The clocks of this board for those who serve clients and run jobs: what they are, whether a
// request can be met, and the one lease on them.
#pragma once

#include <cstdint>
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
#include "daemon/clocks/frequency_lease.h"
#include "daemon/clocks/settable_clocks.h"
#include "synergy/v1/clocks.pb.h"

namespace synergy {

struct ClockControlOptions {
  std::string sysfs_root = "/sys";
  std::string lease_folder;  // of the journal
  std::string boot_id;
  // Of RestoreOptions.
  std::string restore_by_hand = "synergyd --restore";
  std::string lock_folder = {};
  bool simulated = false;
  std::string cannot_set = {};                 // why nothing can be set here; "": it can
  std::vector<DeviceClockPaths> devices = {};  // as of ClockPlaces, as is the fan
  std::optional<FanPaths> fan = {};
  std::vector<std::string> decisive_zones = {};  // Conditions
};

// A control that was set to what it was.
struct ClockTrial {
  v1::ClockSetting setting;
  std::vector<std::string> left;  // as of ClockHold::Release
  bool simulated = false;
};

class ClockControl;

// The lease, as long as this object lives. Thread-compatible. Does not outlive its ClockControl.
class ClockHold {
 public:
  ~ClockHold();
  ClockHold(const ClockHold&) = delete;
  ClockHold& operator=(const ClockHold&) = delete;

  const v1::ClockLease& lease() const { return lease_; }
  // Puts everything back; DescribeLeft of it. A second call finds nothing to do.
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

  // All that can be read, and what ended leases have left; what cannot be read is in its notes.
  v1::ClockState Describe() ABSL_LOCKS_EXCLUDED(mutex_, heat_mutex_);
  // What this board can say of its frequencies, temperatures and throttling. Does not outlive this.
  Conditions OpenConditions() const {
    return Conditions(files_, clocks_.sysfs_root(), options_.decisive_zones, clocks_.Watched());
  }
  // Something can be set here.
  bool CanSet();
  // Who had the lease last, and what tells whether one began or ended between two calls.
  struct Holding {
    std::string holder = {};  // "": nobody had it
    v1::ClockRequest asked = {};
    bool held = false;     // still
    uint64_t changes = 0;  // counts begins and ends
  };
  Holding Holder() ABSL_LOCKS_EXCLUDED(mutex_);
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
  // Takes the lease, writes to one control what it is already, reads it back and puts it back: a
  // governor, else a limit. Who calls Take meanwhile waits, and is not refused for this.
  // Unavailable where somebody holds the lease; FailedPrecondition where there is nothing to set;
  // the kernel's errors.
  absl::StatusOr<ClockTrial> Try(const std::string& holder) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class ClockHold;

  std::string Journal() const { return options_.lease_folder + "/clocks.journal"; }
  // Marks the lease as held by `holder`, after a trial that is under way. FailedPrecondition with
  // the holder where it is held.
  absl::Status Reserve(const v1::ClockRequest& request, const std::string& holder)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The lease of a journal that is tried once more before.
  absl::StatusOr<std::unique_ptr<FrequencyLease>> TakeLease(const std::string& holder);
  v1::ClockSetting Describe(const SettingResult& result) const;
  v1::ClockLease Describe(const v1::ClockRequest& request, const std::string& holder,
                          const std::vector<SettingResult>& results) const;
  void Released() ABSL_LOCKS_EXCLUDED(mutex_);
  void DescribeHeat(v1::ClockState& state) ABSL_LOCKS_EXCLUDED(heat_mutex_);

  const ClockControlOptions options_;
  AttributeFiles& files_;
  const SettableClocks clocks_;
  absl::Mutex mutex_;
  std::optional<v1::ClockLease> held_ ABSL_GUARDED_BY(mutex_);  // nothing: nobody has the lease
  Holding holding_ ABSL_GUARDED_BY(mutex_);
  bool trying_ ABSL_GUARDED_BY(mutex_) = false;  // it is had for a trial
  absl::Mutex heat_mutex_;                       // some zones take milliseconds to read
  std::optional<Conditions> heat_ ABSL_GUARDED_BY(heat_mutex_);  // since it was asked for first
};

}  // namespace synergy
