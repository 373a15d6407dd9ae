#include "daemon/control/clock_holds.h"

#include <string>
#include <utility>

#include "common/clock_request.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kMaxHolderBytes = 200;

}  // namespace

absl::StatusOr<v1::ControlEvent> ClockHolds::Handle(const v1::ControlRequest& request) {
  if (clocks_ == nullptr) return absl::FailedPreconditionError("This daemon knows no clocks");
  if (request.has_hold_clocks()) return Hold(request.hold_clocks());
  v1::ControlEvent event;
  if (request.has_release_clocks()) {
    holds_.erase(request.release_clocks().hold());
  } else {
    *event.mutable_clocks() = clocks_->Describe();
  }
  return event;
}

absl::StatusOr<v1::ControlEvent> ClockHolds::Hold(const v1::ControlRequest::HoldClocks& asked) {
  absl::Status valid = ValidateClockRequestUntrusted(asked.clocks());
  if (!valid.ok()) return valid;
  if (holds_.contains(asked.hold())) {
    return absl::InvalidArgumentError("there is a hold of this number already");
  }
  const std::string holder = Printable(asked.holder(), kMaxHolderBytes);
  absl::StatusOr<std::unique_ptr<ClockHold>> hold =
      clocks_->Take(asked.clocks(), holder.empty() ? "synergyctl clocks pin" : holder);
  if (!hold.ok()) return hold.status();
  v1::ControlEvent event;
  *event.mutable_lease() = (*hold)->lease();
  holds_[asked.hold()] = *std::move(hold);
  return event;
}

void ClockHolds::Unanswered(const v1::ControlRequest& request) {
  if (request.has_hold_clocks()) holds_.erase(request.hold_clocks().hold());
}

}  // namespace synergy
