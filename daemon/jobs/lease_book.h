// Who has the device for himself, and who waits for it (STATE/leases.pb).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/jobs/job_owner.h"
#include "synergy/v1/stored_job.pb.h"

namespace synergy {

// The first of the leases counts, whether it is held or waits: no other client's job begins.
// Thread-compatible; the queue's lock guards it.
class LeaseBook {
 public:
  static constexpr size_t kMaxLeases = 32;
  static constexpr size_t kMaxLeasesOfOne = 8;  // of one client
  static constexpr double kLongestS = 24 * 3600;
  // One that waits and does not ask, also where it has begun since, which he does not know then.
  static constexpr Nanoseconds kForgetAfter = Seconds(10);

  // Reads what is there, where it is of this boot: leases outlive the daemon, not the board.
  LeaseBook(std::string path, std::string boot_id, Clock& clock);

  // As of TakeLease in device.proto. InvalidArgument: the id or the time; ResourceExhausted: too
  // many are there, or `by` has too many, or the disk is full: a new one is on the disk before it
  // is there.
  absl::StatusOr<v1::DeviceLease> TakeUntrusted(const std::string& id, double for_s,
                                                const JobOwner& by);
  bool Has(std::string_view id) const;
  // NotFound: there is none; PermissionDenied: it is another one's.
  absl::Status Release(const std::string& id, const JobOwner& by);

  // True where there were any.
  bool ReleaseAllOf(const std::string& owner_id);

  struct Reserved {
    std::string owner_id;
    std::string text;  // "the lease of ann@laptop"
  };
  // Ends what is over, forgets who does not ask, and begins the first lease where only its owner
  // uses the device: `uses` are the running job and who holds the clocks. True where something
  // changed.
  bool Advance(const std::vector<Reserved>& uses);

  // Of the first one; nothing: the device is anybody's.
  std::optional<Reserved> reserved() const;
  std::vector<v1::DeviceLease> Describe() const;  // in their order

 private:
  struct Entry {
    v1::StoredLeases::Lease stored;
    MonotonicTime seen;  // when it was last asked for
  };
  std::vector<Entry>::iterator Find(std::string_view id);
  v1::DeviceLease Describe(const Entry& entry) const;
  absl::Status TrySave() const;
  void Save() const;  // an error is logged

  const std::string path_;
  const std::string boot_id_;
  Clock& clock_;
  std::vector<Entry> leases_;
  std::string waits_for_;  // the first one, as long as it is not held
};

}  // namespace synergy
