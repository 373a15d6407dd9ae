#include "client/commands/run_resolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/analysis/run_report.h"

namespace synergy {

namespace {

// The one run that has the tag; absent where none has.
absl::StatusOr<std::optional<StoredRun>> ResolveTag(const std::vector<StoredRun>& runs,
                                                    std::string_view tag) {
  const std::vector<StoredRun> tagged = RunsWithTag(runs, tag);
  if (tagged.empty()) return std::optional<StoredRun>();
  if (tagged.size() == 1) return std::optional<StoredRun>(tagged.front());
  std::string numbers;
  for (const StoredRun& run : tagged) {
    numbers += fmt::format("{}{}", numbers.empty() ? "" : ", ", run.number);
  }
  return absl::InvalidArgumentError(fmt::format(
      "the tag '{}' is on {} runs ({}): give the number of one.", tag, tagged.size(), numbers));
}

}  // namespace

std::vector<StoredRun> RunsWithTag(const std::vector<StoredRun>& runs, std::string_view tag) {
  std::vector<StoredRun> tagged;
  for (const StoredRun& run : runs) {
    if (std::ranges::find(run.tags, tag) != run.tags.end()) tagged.push_back(run);
  }
  return tagged;
}

absl::StatusOr<StoredRun> ResolveRun(const std::vector<StoredRun>& runs, std::string_view text) {
  if (runs.empty()) {
    return absl::NotFoundError(
        fmt::format("there is no run '{}': no run is stored yet. synergyctl run --net squeezenet "
                    "measures one.",
                    text));
  }
  if (text == "last") return runs.back();
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number =
      parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && number > 0;
  std::vector<const StoredRun*> beginning;
  for (const StoredRun& run : runs) {
    if ((is_number && run.number == number) || run.run_id == text) return run;
  }
  absl::StatusOr<std::optional<StoredRun>> tagged = ResolveTag(runs, text);
  if (!tagged.ok()) return tagged.status();
  if (*tagged) return **std::move(tagged);
  for (const StoredRun& run : runs) {
    if (!text.empty() && run.run_id.starts_with(text)) beginning.push_back(&run);
  }
  if (beginning.size() == 1) return *beginning.front();
  if (beginning.empty()) {
    return absl::NotFoundError(
        fmt::format("there is no run '{}'. RUN is a number, a tag, a run id or the beginning of "
                    "one, or 'last'; "
                    "synergyctl runs lists them.",
                    text));
  }
  std::string candidates;
  for (const StoredRun* run : beginning) {
    candidates += (candidates.empty() ? "" : ", ") + run->run_id;
    if (run->number > 0) candidates += fmt::format(" ({})", run->number);
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' may be any of {}: give more of it, or the number.", text, candidates));
}

std::string WhyEvicted(std::span<const v1::EvictedRun> evicted, std::string_view run_id) {
  const auto run = std::ranges::find(evicted, run_id, &v1::EvictedRun::run_id);
  if (run == evicted.end()) return "";
  return fmt::format(
      "{} at {} by its quota of ended jobs' records (synergyctl quota), when {} of its {} chunks "
      "had been fetched",
      kEvicted, UtcText(run->evicted_unix_s() * 1'000'000'000), run->acknowledged(), run->chunks());
}

absl::StatusOr<v1::JobStatus> ResolveBoardJob(const BoardJobs& board,
                                              const std::vector<StoredRun>& stored,
                                              std::string_view text) {
  std::vector<StoredRun> candidates;
  const auto add = [&](const std::string& run_id) {
    const bool known = std::any_of(stored.begin(), stored.end(), [&](const StoredRun& run) {
      return run.board_id == board.board_id && run.run_id == run_id;
    });
    if (!known) candidates.emplace_back().run_id = run_id;  // without a number in this store
  };
  for (const v1::JobStatus& job : board.jobs) add(job.run_id());
  for (const v1::EvictedRun& run : board.evicted) add(run.run_id());
  for (const StoredRun& run : stored) {
    if (run.board_id == board.board_id) candidates.push_back(run);
  }
  if (candidates.empty()) {
    return absl::NotFoundError(fmt::format("there is no run '{}': the board has no jobs.", text));
  }
  const absl::StatusOr<StoredRun> run = ResolveRun(candidates, text);
  if (absl::IsNotFound(run.status())) {
    return absl::NotFoundError(
        fmt::format("there is no job '{}'. JOB is an id, or the beginning of one, as synergyctl "
                    "jobs lists them, "
                    "or the number or tag of its run (synergyctl runs).",
                    text));
  }
  if (!run.ok()) return run.status();
  for (const v1::JobStatus& job : board.jobs) {
    if (job.run_id() == run->run_id) return job;
  }
  const std::string evicted = WhyEvicted(board.evicted, run->run_id);
  return absl::FailedPreconditionError(fmt::format("run {} is no longer on the board: {}.",
                                                   run->run_id,
                                                   evicted.empty() ? "it ended before" : evicted));
}

absl::StatusOr<v1::JobStatus> ResolveJob(const BoardJobs& board,
                                         const std::vector<StoredRun>& stored,
                                         std::string_view text) {
  absl::StatusOr<v1::JobStatus> job = ResolveBoardJob(board, stored, text);
  if (!job.ok() || job->state() == v1::JOB_STATE_QUEUED || job->state() == v1::JOB_STATE_RUNNING) {
    return job;
  }
  return absl::FailedPreconditionError(fmt::format(
      "run {} has ended already ({}): there is nothing to cancel. synergyctl fetch brings its "
      "records.",
      job->run_id(), StateName(job->state())));
}

}  // namespace synergy
