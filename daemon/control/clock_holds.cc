#include "daemon/control/clock_holds.h"

#include <string>
#include <utility>

#include "common/clock_request.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr size_t kMaxHolderBytes = 200;
// Of a report, so that it fits in a message of 64 KiB.
constexpr int kMaxLines = 50;
constexpr size_t kMaxLineBytes = 500;

}  // namespace

absl::StatusOr<v1::ControlEvent> ClockHolds::Handle(const v1::ControlRequest& request,
                                                    std::unique_ptr<ClockGrant> grant) {
  if (clocks_ == nullptr) return absl::FailedPreconditionError("This daemon knows no clocks");
  if (request.has_hold_clocks()) return Hold(request.hold_clocks(), std::move(grant));
  if (request.has_release_clocks()) return Release(request.release_clocks().hold());
  if (request.get_clocks().has_wanted()) {
    const absl::Status possible = clocks_->Check(request.get_clocks().wanted());
    if (!possible.ok()) return possible;
  }
  v1::ControlEvent event;
  *event.mutable_clocks() = clocks_->Describe();
  return event;
}

v1::ControlEvent ClockHolds::Release(uint64_t number) {
  v1::ControlEvent event;
  v1::ClockRelease& released = *event.mutable_released();
  const auto hold = holds_.find(number);
  if (hold == holds_.end()) return event;
  const std::vector<std::string> left = hold->second.clocks->Release();
  holds_.erase(hold);
  for (const std::string& line : left) {
    spdlog::warn("{}", line);
    if (released.left_size() < kMaxLines) released.add_left(Printable(line, kMaxLineBytes));
  }
  const size_t more = left.size() - static_cast<size_t>(released.left_size());
  if (more > 0) released.add_left(fmt::format("and {} more: the log of synergyd has all", more));
  return event;
}

absl::StatusOr<v1::ControlEvent> ClockHolds::Hold(const v1::ControlRequest::HoldClocks& asked,
                                                  std::unique_ptr<ClockGrant> grant) {
  absl::Status valid = ValidateClockRequestUntrusted(asked.clocks());
  if (!valid.ok()) return valid;
  if (holds_.contains(asked.hold())) {
    return absl::InvalidArgumentError("there is a hold of this number already");
  }
  std::string holder = Printable(asked.holder(), kMaxHolderBytes);
  if (holder.empty()) holder = "synergyctl clocks pin";
  // What a client calls itself may be another's name.
  if (grant != nullptr) holder = fmt::format("{}: {}", grant->name(), holder);
  absl::StatusOr<std::unique_ptr<ClockHold>> hold = clocks_->Take(asked.clocks(), holder);
  if (!hold.ok()) return hold.status();
  v1::ControlEvent event;
  *event.mutable_lease() = (*hold)->lease();
  holds_[asked.hold()] = {.grant = std::move(grant), .clocks = *std::move(hold)};
  return event;
}

void ClockHolds::Unanswered(const v1::ControlRequest& request) {
  if (request.has_hold_clocks()) holds_.erase(request.hold_clocks().hold());
}

}  // namespace synergy
