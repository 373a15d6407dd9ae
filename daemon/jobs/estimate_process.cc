#include "daemon/jobs/estimate_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

#include "common/files.h"

namespace synergy {
namespace {

// What it writes at its end fits into a pipe, or it would wait for a reader for ever.
constexpr size_t kMostBytes = 16 << 10;

std::vector<std::string> LauncherArguments(const EstimateSpec& spec) {
  std::vector<std::string> arguments = {"--parent", fmt::format("{}", getpid()), "--fds",
                                        "1",        "--oom-score-adj",           "1000"};
  const auto add = [&](const char* flag, std::string value) {
    arguments.emplace_back(flag);
    arguments.push_back(std::move(value));
  };
  if (spec.user.has_value()) {
    add("--uid", fmt::format("{}", spec.user->uid));
    add("--gid", fmt::format("{}", spec.user->gid));
  }
  if (!spec.cpus.empty()) add("--cpus", fmt::format("{}", fmt::join(spec.cpus, ",")));
  add("--", spec.executable);
  return arguments;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EstimateProcess>> EstimateProcess::Start(const EstimateSpec& spec,
                                                                        int spool_fd) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return FileError("Creating a pipe for", spec.executable, errno);
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  absl::StatusOr<std::unique_ptr<ChildProcess>> child =
      ChildProcess::Spawn({.path = spec.launcher,
                           .arguments = LauncherArguments(spec),
                           .fds = {spool_fd},
                           .output_fd = theirs.get()});
  if (!child.ok()) return child.status();
  return std::unique_ptr<EstimateProcess>(new EstimateProcess(*std::move(child), std::move(ours)));
}

std::optional<absl::StatusOr<v1::RunEstimate>> EstimateProcess::TryTake() {
  const std::optional<int> status = child_->TryWait();
  if (!status) return std::nullopt;
  if (*status == 0) return Read();
  return absl::InternalError(
      fmt::format("synergy-estimate {}; synergyd's log says more", DescribeWaitStatus(*status)));
}

absl::StatusOr<v1::RunEstimate> EstimateProcess::Read() {
  std::string bytes(kMostBytes, '\0');
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t n = read(pipe_.get(), bytes.data() + size, bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("Reading from", "synergy-estimate", errno);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  v1::RunEstimate estimate;
  if (size == bytes.size() || !estimate.ParseFromArray(bytes.data(), static_cast<int>(size))) {
    return absl::DataLossError("synergy-estimate answered with something that is no estimate");
  }
  return estimate;
}

v1::MeasuredBlock WidestOf(const v1::RunEstimate& estimate, const std::vector<std::string>& rails) {
  v1::MeasuredBlock block;
  const auto unknown = [&](const std::string& rail, std::string why) {
    block.clear_widest_interval();
    block.set_rail(rail);
    block.set_why_not(std::move(why));
    return block;
  };
  for (const std::string& name : rails) {
    const auto rail = std::ranges::find_if(
        estimate.rails(), [&](const auto& candidate) { return candidate.rail() == name; });
    if (rail == estimate.rails().end()) return unknown(name, "it was not measured");
    if (!rail->why_not().empty()) return unknown(name, rail->why_not());
    // 0, or no number: there is no operator, or none that draws anything.
    if (!(rail->widest_interval() > 0) || !std::isfinite(rail->widest_interval())) {
      return unknown(name, "no operator of it draws anything that could be measured");
    }
    if (rail->widest_interval() < block.widest_interval()) continue;
    block.set_widest_interval(rail->widest_interval());
    block.set_rail(name);
  }
  return block;
}

}  // namespace synergy
