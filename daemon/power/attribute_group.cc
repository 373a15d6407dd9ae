#include "daemon/power/attribute_group.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace synergy {

absl::Status Owned(const std::string& owner, const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("{}: {}", owner, std::string(status.message())));
}

double RateOfRounds(Nanoseconds shortest) {
  constexpr double kBusyShare = 0.8;
  if (shortest < kQuickRound) return std::numeric_limits<double>::infinity();
  return kBusyShare / shortest.seconds();
}

double RateOfWindow(const v1::Window& window) {
  if (!(window.period_s() > 0)) return std::numeric_limits<double>::infinity();
  return 2 / window.period_s();
}

AttributeGroup::AttributeGroup(std::string owner, std::vector<std::string> files, Find find,
                               Prepare prepare, Clock& clock, std::shared_ptr<SysfsTree> tree)
    : owner_(std::move(owner)),
      files_(std::move(files)),
      find_(std::move(find)),
      prepare_(std::move(prepare)),
      clock_(clock),
      tree_(std::move(tree)) {}

absl::Status AttributeGroup::EnsureOpen() {
  if (!attributes_.empty()) return absl::OkStatus();
  const MonotonicTime now = clock_.Now();
  if (lives_ > 0 && now < search_due_) {
    return absl::NotFoundError(
        fmt::format("{}: its attributes are gone; looked for once a second", owner_));
  }
  search_due_ = now + kSearchInterval;
  absl::Status status = Open();
  if (status.ok()) return status;
  attributes_.clear();
  return Owned(owner_, status);
}

absl::Status AttributeGroup::Open() {
  absl::StatusOr<std::string> folder = find_();
  if (!folder.ok()) return folder.status();
  if (absl::Status status = prepare_(*folder); !status.ok()) return status;
  for (const std::string& file : files_) {
    absl::StatusOr<std::unique_ptr<OpenAttribute>> attribute = tree_->Open(*folder + "/" + file);
    if (!attribute.ok()) return attribute.status();
    attributes_.push_back(*std::move(attribute));
  }
  folder_ = *std::move(folder);
  ++lives_;
  return absl::OkStatus();
}

absl::Status AttributeGroup::Failed(const absl::Status& status) {
  if (absl::IsNotFound(status)) {
    attributes_.clear();
    search_due_ = clock_.Now() + kSearchInterval;
  }
  if (absl::IsDataLoss(status)) {
    return absl::UnavailableError(fmt::format("{}: {}", owner_, std::string(status.message())));
  }
  return Owned(owner_, status);
}

absl::StatusOr<StampedInteger> AttributeGroup::Read(size_t file) {
  if (attributes_.empty()) {
    return absl::NotFoundError(fmt::format("{}: its attributes are gone", owner_));
  }
  StampedInteger stamped;
  stamped.begin_ns = clock_.Now().ns;
  const absl::StatusOr<int64_t> value = attributes_[file]->ReadInteger();
  stamped.end_ns = clock_.Now().ns;
  if (!value.ok()) return Failed(value.status());
  stamped.value = *value;
  return stamped;
}

absl::StatusOr<std::string_view> AttributeGroup::ReadText(size_t file, char* buffer, size_t size) {
  if (attributes_.empty()) {
    return absl::NotFoundError(fmt::format("{}: its attributes are gone", owner_));
  }
  const absl::StatusOr<std::string_view> text = attributes_[file]->ReadText(buffer, size);
  if (!text.ok()) return Failed(text.status());
  return text;
}

}  // namespace synergy
