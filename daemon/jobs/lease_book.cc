#include "daemon/jobs/lease_book.h"

#include <algorithm>
#include <utility>

#include "common/fair_share.h"
#include "common/files.h"
#include "common/spec_validation.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr size_t kMaxBytes = 1u << 20;

}  // namespace

LeaseBook::LeaseBook(std::string path, std::string boot_id, Clock& clock)
    : path_(std::move(path)), boot_id_(std::move(boot_id)), clock_(clock) {
  const absl::StatusOr<std::string> bytes = ReadFile(path_, kMaxBytes);
  v1::StoredLeases stored;
  if (!bytes.ok() || !stored.ParseFromString(*bytes) || stored.boot_id() != boot_id_) return;
  for (const v1::StoredLeases::Lease& lease : stored.leases()) {
    leases_.push_back({lease, clock_.Now()});
  }
}

std::vector<LeaseBook::Entry>::iterator LeaseBook::Find(std::string_view id) {
  return std::ranges::find_if(leases_,
                              [id](const Entry& entry) { return entry.stored.lease().id() == id; });
}

bool LeaseBook::Has(std::string_view id) const {
  return std::ranges::any_of(leases_,
                             [id](const Entry& entry) { return entry.stored.lease().id() == id; });
}

absl::StatusOr<v1::DeviceLease> LeaseBook::TakeUntrusted(const std::string& id, double for_s,
                                                         const JobOwner& by) {
  if (id.empty() || !ValidateTokenUntrusted(id).ok()) {
    return absl::InvalidArgumentError("id: 1 to 64 letters, digits and '-'");
  }
  if (!(for_s > 0 && for_s <= kLongestS)) {
    return absl::InvalidArgumentError(
        fmt::format("for_s: {} given; above 0 and at most {:.0f} s", for_s, kLongestS));
  }
  if (const auto found = Find(id); found != leases_.end()) {
    absl::Status own =
        CheckOwner(by, found->stored.owner_id(), found->stored.lease().owner(), "Taking a lease");
    if (!own.ok()) return own;
    found->seen = clock_.Now();
    if (found->stored.unclaimed()) {
      found->stored.clear_unclaimed();
      Save();
    }
    return Describe(*found);
  }
  const auto own = static_cast<size_t>(std::ranges::count_if(
      leases_, [&by](const Entry& entry) { return entry.stored.owner_id() == by.id; }));
  if (leases_.size() >= kMaxLeases || own >= kMaxLeasesOfOne ||
      !LeavesAShare(own + 1, kMaxLeases - leases_.size() - 1)) {
    return absl::ResourceExhaustedError(
        fmt::format("Taking a lease: {} are there already, {} of them yours; try again later",
                    leases_.size(), own));
  }
  Entry& entry = leases_.emplace_back();
  entry.stored.mutable_lease()->set_id(id);
  entry.stored.mutable_lease()->set_owner(by.name);
  entry.stored.mutable_lease()->set_for_s(for_s);
  entry.stored.set_owner_id(by.id);
  entry.seen = clock_.Now();
  if (absl::Status saved = TrySave(); !saved.ok()) {
    leases_.pop_back();
    return saved;
  }
  return Describe(entry);
}

absl::Status LeaseBook::Release(const std::string& id, const JobOwner& by) {
  const auto found = Find(id);
  if (found == leases_.end()) {
    return absl::NotFoundError("There is no such lease on this board (any more)");
  }
  absl::Status own =
      CheckOwner(by, found->stored.owner_id(), found->stored.lease().owner(), "Ending a lease");
  if (!own.ok()) return own;
  leases_.erase(found);
  Save();
  return absl::OkStatus();
}

bool LeaseBook::ReleaseAllOf(const std::string& owner_id) {
  const bool had_any = std::erase_if(leases_, [&](const Entry& entry) {
                         return entry.stored.owner_id() == owner_id;
                       }) > 0;
  if (had_any) Save();
  return had_any;
}

bool LeaseBook::Advance(const std::vector<Reserved>& uses) {
  const MonotonicTime now = clock_.Now();
  bool changed = std::erase_if(leases_, [&](const Entry& entry) {
                   const bool held = entry.stored.lease().held();
                   if (held && now.ns >= entry.stored.end_ns()) return true;
                   return (!held || entry.stored.unclaimed()) && now - entry.seen >= kForgetAfter;
                 }) > 0;
  if (!leases_.empty() && !leases_.front().stored.lease().held()) {
    v1::StoredLeases::Lease& first = leases_.front().stored;
    const auto other = std::ranges::find_if(
        uses, [&](const Reserved& use) { return use.owner_id != first.owner_id(); });
    waits_for_ = other == uses.end() ? "" : other->text;
    if (waits_for_.empty()) {
      first.mutable_lease()->set_held(true);
      first.set_unclaimed(true);
      first.set_end_ns((now + Seconds(first.lease().for_s())).ns);
      spdlog::info("{} has the board for {:.0f} s", first.lease().owner(), first.lease().for_s());
      changed = true;
    }
  }
  if (changed) Save();
  return changed;
}

std::optional<LeaseBook::Reserved> LeaseBook::reserved() const {
  if (leases_.empty()) return std::nullopt;
  const v1::StoredLeases::Lease& first = leases_.front().stored;
  return Reserved{first.owner_id(), fmt::format("the lease of {}", first.lease().owner())};
}

v1::DeviceLease LeaseBook::Describe(const Entry& entry) const {
  v1::DeviceLease described = entry.stored.lease();
  if (described.held()) {
    described.set_left_s((MonotonicTime{entry.stored.end_ns()} - clock_.Now()).seconds());
  } else if (leases_.front().stored.lease().id() != described.id()) {
    described.set_waits_for(reserved()->text);
  } else {
    described.set_waits_for(waits_for_);
  }
  return described;
}

std::vector<v1::DeviceLease> LeaseBook::Describe() const {
  std::vector<v1::DeviceLease> all;
  for (const Entry& entry : leases_) all.push_back(Describe(entry));
  return all;
}

// Not synced: a lease ends with the board's boot anyway.
absl::Status LeaseBook::TrySave() const {
  v1::StoredLeases stored;
  stored.set_boot_id(boot_id_);
  for (const Entry& entry : leases_) *stored.add_leases() = entry.stored;
  return ReplaceFile(path_, stored.SerializeAsString(), Sync::kNo);
}

void LeaseBook::Save() const {
  if (const absl::Status saved = TrySave(); !saved.ok()) spdlog::warn("{}", saved.ToString());
}

}  // namespace synergy
