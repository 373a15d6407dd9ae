#include "daemon/clocks/clock_control.h"

#include <random>
#include <utility>

#include "common/clock_request.h"
#include "daemon/clocks/restore.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// Of 64 random bits: no other lease has it, of this daemon or of the next.
std::string NewLeaseId() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

ClockHold::~ClockHold() {
  for (const std::string& line : Release()) spdlog::warn("{}", line);
}

std::vector<std::string> ClockHold::Release() {
  if (frequencies_ == nullptr) return {};
  const RestoreReport report = frequencies_->Release();
  frequencies_.reset();  // the journal's lock, before anybody else may take it
  control_.Released();
  return DescribeLeft(report);
}

ClockControl::ClockControl(ClockControlOptions options, AttributeFiles& files)
    : options_(std::move(options)),
      files_(files),
      clocks_({.sysfs_root = options_.sysfs_root, .devices = options_.devices, .fan = options_.fan},
              files) {}

void ClockControl::DescribeHeat(v1::ClockState& state) {
  const absl::MutexLock lock(&heat_mutex_);
  if (!heat_.has_value()) heat_.emplace(OpenConditions());
  heat_->DescribeHeat(state);
}

v1::ClockState ClockControl::Describe() {
  v1::ClockState state;
  state.set_simulated(options_.simulated);
  clocks_.Describe(state);
  DescribeHeat(state);
  if (!options_.cannot_set.empty()) state.add_notes(options_.cannot_set);
  const absl::MutexLock lock(&mutex_);
  if (held_.has_value()) *state.mutable_lease() = *held_;
  if (held_.has_value() || trying_) return state;
  for (std::string& line : DescribeLeftJournal(Journal(), options_.restore_by_hand, files_)) {
    state.add_left(std::move(line));
  }
  for (std::string& line : DescribeSetAside(options_.lease_folder)) state.add_left(std::move(line));
  return state;
}

bool ClockControl::CanSet() { return options_.cannot_set.empty() && clocks_.Any(); }

ClockControl::Holding ClockControl::Holder() {
  const absl::MutexLock lock(&mutex_);
  return holding_;
}

absl::Status ClockControl::Check(const v1::ClockRequest& request) {
  if (!options_.cannot_set.empty()) return absl::FailedPreconditionError(options_.cannot_set);
  if (absl::Status valid = ValidateClockRequestUntrusted(request); !valid.ok()) return valid;
  return clocks_.Check(request);
}

absl::StatusOr<std::unique_ptr<FrequencyLease>> ClockControl::TakeLease(const std::string& holder) {
  const LeaseOptions options = {.journal = Journal(),
                                .holder = holder,
                                .restore = {.boot_id = options_.boot_id,
                                            .sysfs_root = clocks_.sysfs_root(),
                                            .by_hand = options_.restore_by_hand,
                                            .lock_folder = options_.lock_folder}};
  for (const std::string& line : DescribeLeft(Restore(Journal(), options.restore, files_))) {
    spdlog::warn("{}", line);
  }
  absl::StatusOr<std::unique_ptr<FrequencyLease>> lease = FrequencyLease::Take(options, files_);
  if (!lease.ok()) return lease;
  if (absl::Status held = (*lease)->HoldTree(); !held.ok()) return held;
  return lease;
}

v1::ClockSetting ClockControl::Describe(const SettingResult& result) const {
  const std::string below = clocks_.sysfs_root() + "/";
  v1::ClockSetting setting;
  setting.set_control(result.path.starts_with(below) ? result.path.substr(below.size())
                                                     : result.path);
  setting.set_original(result.original);
  setting.set_asked(result.asked);
  setting.set_obtained(result.obtained);
  return setting;
}

v1::ClockLease ClockControl::Describe(const v1::ClockRequest& request, const std::string& holder,
                                      const std::vector<SettingResult>& results) const {
  v1::ClockLease lease;
  lease.set_holder(holder);
  *lease.mutable_asked() = request;
  lease.set_simulated(options_.simulated);
  for (const SettingResult& result : results) *lease.add_settings() = Describe(result);
  return lease;
}

absl::Status ClockControl::Reserve(const v1::ClockRequest& request, const std::string& holder) {
  const absl::MutexLock lock(&mutex_);
  const auto tried = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !trying_; };
  mutex_.Await(absl::Condition(&tried));
  if (held_.has_value()) {
    return absl::FailedPreconditionError(
        fmt::format("The clocks are held by {}: wait until that ends, or end it", held_->holder()));
  }
  held_.emplace();
  held_->set_holder(holder);
  *held_->mutable_asked() = request;
  holding_ = {.holder = holder, .asked = request, .held = true, .changes = holding_.changes + 1};
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ClockHold>> ClockControl::Take(const v1::ClockRequest& request,
                                                              const std::string& holder) {
  if (absl::Status possible = Check(request); !possible.ok()) return possible;
  if (absl::Status reserved = Reserve(request, holder); !reserved.ok()) return reserved;
  absl::StatusOr<std::unique_ptr<FrequencyLease>> frequencies = TakeLease(holder);
  if (!frequencies.ok()) {
    Released();
    return frequencies.status();
  }
  std::vector<std::string> notes;
  if (!options_.simulated) notes = clocks_.Notes(request);  // no process runs on a simulated core
  const absl::StatusOr<std::vector<SettingResult>> results = clocks_.Set(request, **frequencies);
  if (!results.ok()) {
    frequencies->reset();  // puts back, before anybody else may take it
    Released();
    return results.status();
  }
  std::unique_ptr<ClockHold> hold(new ClockHold(*this, *std::move(frequencies)));
  hold->lease_ = Describe(request, holder, *results);
  hold->lease_.set_id(NewLeaseId());
  hold->lease_.mutable_notes()->Assign(notes.begin(), notes.end());
  const absl::MutexLock lock(&mutex_);
  held_ = hold->lease_;
  ++holding_.changes;  // what was written since it was reserved counts as well
  return hold;
}

absl::StatusOr<ClockTrial> ClockControl::Try(const std::string& holder) {
  if (!options_.cannot_set.empty()) return absl::PermissionDeniedError(options_.cannot_set);
  const absl::StatusOr<Setting> unchanged = clocks_.Unchanged();
  if (!unchanged.ok()) return unchanged.status();
  {
    const absl::MutexLock lock(&mutex_);
    if (held_.has_value() || trying_) {
      return absl::UnavailableError(
          fmt::format("not while {} holds the clocks", trying_ ? holder : held_->holder()));
    }
    trying_ = true;
  }
  ClockTrial trial{.setting = {}, .left = {}, .simulated = options_.simulated};
  absl::StatusOr<std::unique_ptr<FrequencyLease>> lease = TakeLease(holder);
  absl::Status status = lease.status();
  if (status.ok()) {
    const absl::StatusOr<std::vector<SettingResult>> results = (*lease)->Apply({*unchanged});
    status = results.status();
    if (status.ok()) trial.setting = Describe(results->front());
    trial.left = DescribeLeft((*lease)->Release());
    lease->reset();  // the journal's lock
  }
  const absl::MutexLock lock(&mutex_);
  trying_ = false;
  if (!status.ok()) return status;
  return trial;
}

void ClockControl::Released() {
  const absl::MutexLock lock(&mutex_);
  held_.reset();
  holding_.held = false;
  ++holding_.changes;
}

}  // namespace synergy
