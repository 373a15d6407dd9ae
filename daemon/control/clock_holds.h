// What one front asks about clocks: what they are, and the leases that it holds for its clients.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "daemon/clocks/clock_control.h"
#include "daemon/jobs/job_queue.h"
#include "synergy/v1/control.pb.h"

namespace synergy {

// Thread-compatible. Its end is the end of all holds: what they changed is put back.
class ClockHolds {
 public:
  // `clocks` (null: this daemon has none) outlives it.
  explicit ClockHolds(ClockControl* clocks) : clocks_(clocks) {}

  // Meets a request of get_clocks, hold_clocks or release_clocks. The answer without its id;
  // without an event where there is nothing to say. Besides ClockControl's errors InvalidArgument
  // for what no front that works says, FailedPrecondition where there are no clocks. `grant`, of a
  // hold_clocks, ends after the hold that it is for.
  absl::StatusOr<v1::ControlEvent> Handle(const v1::ControlRequest& request,
                                          std::unique_ptr<ClockGrant> grant = nullptr);
  // The front will not hear of what came of `request`: a hold that it asked for ends.
  void Unanswered(const v1::ControlRequest& request);

 private:
  struct Held {
    std::unique_ptr<ClockGrant> grant;
    std::unique_ptr<ClockHold> clocks;  // ends first
  };
  absl::StatusOr<v1::ControlEvent> Hold(const v1::ControlRequest::HoldClocks& asked,
                                        std::unique_ptr<ClockGrant> grant);
  v1::ControlEvent Release(uint64_t number);

  ClockControl* const clocks_;
  std::map<uint64_t, Held> holds_;  // by the front's numbers
};

}  // namespace synergy
