#include "daemon/jobs/gone_runs.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "common/files.h"
#include "common/printable.h"
#include "daemon/jobs/run_header.h"
#include "daemon/jobs/run_id.h"
#include "fmt/chrono.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr size_t kMaxBytes = 4u << 20;

}  // namespace

GoneRuns::GoneRuns(std::string path) : path_(std::move(path)) {
  const absl::StatusOr<std::string> bytes = ReadFile(path_, kMaxBytes);
  if (absl::IsNotFound(bytes.status())) return;
  if (bytes.ok() && runs_.ParseFromString(*bytes)) return;
  runs_.Clear();
  spdlog::warn("{} cannot be read: what has run and was evicted before is not known any more",
               path_);
}

absl::Status GoneRuns::Add(const v1::StoredJob& job, bool evicted, uint64_t bytes, bool sync) {
  const v1::JobStatus& status = job.status();
  v1::GoneRuns runs = runs_;
  v1::GoneRuns::Run& gone = *runs.add_runs();
  gone.set_owner_id(job.owner_id());
  gone.set_token(status.spec().token());
  gone.set_evicted(evicted);
  v1::EvictedRun& run = *gone.mutable_run();
  run.set_run_id(status.run_id());
  if (evicted) {
    run.set_owner(status.owner());
    run.set_net_name(status.spec().net_name());
    run.set_evicted_unix_s(WallTimeUnixNs() / 1'000'000'000);
    run.set_bytes(bytes);
    run.set_chunks(status.chunks());
    run.set_acknowledged(status.acknowledged());
  }
  if (const int over = runs.runs_size() - kRemembered; over > 0) {
    runs.mutable_runs()->DeleteSubrange(0, over);
  }
  absl::Status saved = ReplaceFile(path_, runs.SerializeAsString(), sync ? Sync::kYes : Sync::kNo);
  // One that is to be evicted stays then; one that was acknowledged does not.
  if (saved.ok() || !evicted) runs_ = std::move(runs);
  return saved;
}

std::optional<std::string> GoneRuns::Find(std::string_view owner_id, std::string_view token) const {
  for (const v1::GoneRuns::Run& gone : runs_.runs()) {
    if (gone.owner_id() == owner_id && gone.token() == token) return gone.run().run_id();
  }
  return std::nullopt;
}

absl::Status GoneRuns::WhyGone(std::string_view run_id) const {
  const auto gone = std::ranges::find(
      runs_.runs(), run_id, [](const v1::GoneRuns::Run& run) { return run.run().run_id(); });
  if (gone == runs_.runs().end()) {
    return absl::NotFoundError(
        fmt::format("There is no run '{}' on this device", Printable(run_id, kMaxRunIdBytes)));
  }
  if (!gone->evicted()) {
    return absl::NotFoundError(fmt::format(
        "The run {} is no longer on this device: all its records were acknowledged", run_id));
  }
  const v1::EvictedRun& run = gone->run();
  return absl::NotFoundError(fmt::format(
      "The run {} is no longer on this device: its records were evicted at {:%Y-%m-%dT%H:%M:%SZ} "
      "by the quota of ended jobs' records, when {} of {} chunks had been acknowledged",
      run_id, fmt::gmtime(static_cast<time_t>(run.evicted_unix_s())), run.acknowledged(),
      run.chunks()));
}

std::vector<v1::EvictedRun> GoneRuns::Evicted() const {
  std::vector<v1::EvictedRun> evicted;
  for (const v1::GoneRuns::Run& gone : runs_.runs()) {
    if (gone.evicted()) evicted.push_back(gone.run());
  }
  if (evicted.size() > kEvictedShown) evicted.erase(evicted.begin(), evicted.end() - kEvictedShown);
  return evicted;
}

}  // namespace synergy
