#include "daemon/jobs/quota_book.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "common/files.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr size_t kMaxFileBytes = 4096;
constexpr uint64_t kLeastBytes = uint64_t{1} << 20;  // fewer are a slip: they evict everything
constexpr uint64_t kMostBytes = uint64_t{1} << 50;
constexpr uint32_t kMostJobs = 256;  // that the queue takes
constexpr double kMostHz = 100;      // that anybody gets

absl::Status CheckBytes(std::string_view what, bool given, uint64_t bytes) {
  if (!given || (bytes >= kLeastBytes && bytes <= kMostBytes)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("The quota of {}: {} bytes given; 1 MiB to 1 PiB", what, bytes));
}

absl::Status CheckUntrusted(const v1::Quotas& quotas) {
  absl::Status valid = CheckBytes("records", quotas.has_records_bytes(), quotas.records_bytes());
  if (valid.ok()) {
    valid = CheckBytes("objects", quotas.has_objects_bytes(), quotas.objects_bytes());
  }
  const uint32_t jobs = quotas.jobs_per_client();
  if (valid.ok() && quotas.has_jobs_per_client() && (jobs < 1 || jobs > kMostJobs)) {
    valid = absl::InvalidArgumentError(fmt::format(
        "The quota of jobs: {} given; 1 to {} that a client has waiting", jobs, kMostJobs));
  }
  const double hz = quotas.watch_rate_hz();
  if (valid.ok() && quotas.has_watch_rate_hz() && !(hz >= 0 && hz <= kMostHz)) {
    valid = absl::InvalidArgumentError(
        fmt::format("The rate for the role watch: {} given; 0 to {} points a second", hz, kMostHz));
  }
  return valid;
}

}  // namespace

QuotaBook::QuotaBook(std::string path, v1::Quotas defaults)
    : path_(std::move(path)), defaults_(std::move(defaults)) {
  const absl::StatusOr<std::string> bytes = ReadFile(path_, kMaxFileBytes);
  if (absl::IsNotFound(bytes.status())) return;
  v1::StoredQuotas stored;
  if (!bytes.ok() || !stored.ParseFromString(*bytes) || !CheckUntrusted(stored.set()).ok()) {
    spdlog::warn("{} cannot be read: the quotas are those of synergyd's flags again", path_);
    return;
  }
  spdlog::info("quotas that an admin has set: {}", stored.set().ShortDebugString());
  absl::MutexLock lock(&mutex_);
  set_ = stored.set();
}

v1::Quotas QuotaBook::limits() const {
  absl::MutexLock lock(&mutex_);
  v1::Quotas limits = defaults_;
  limits.MergeFrom(set_);
  return limits;
}

v1::QuotaState QuotaBook::Describe() const {
  v1::QuotaState state;
  *state.mutable_limits() = limits();
  *state.mutable_defaults() = defaults_;
  absl::MutexLock lock(&mutex_);
  *state.mutable_set() = set_;
  return state;
}

absl::Status QuotaBook::SetUntrusted(const v1::SetQuotasRequest& request) {
  v1::Quotas asked = request.set();
  asked.DiscardUnknownFields();
  if (absl::Status valid = CheckUntrusted(asked); !valid.ok()) return valid;
  if (!request.reset() && asked.ByteSizeLong() == 0) {
    return absl::InvalidArgumentError("Setting quotas: none is given");
  }
  absl::MutexLock lock(&mutex_);
  v1::StoredQuotas stored;
  if (!request.reset()) *stored.mutable_set() = set_;
  stored.mutable_set()->MergeFrom(asked);
  absl::Status saved = ReplaceFile(path_, stored.SerializeAsString(), Sync::kYes);
  if (saved.ok()) set_ = stored.set();
  return saved;
}

}  // namespace synergy
