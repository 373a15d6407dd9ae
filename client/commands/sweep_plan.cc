#include "client/commands/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "client/commands/clock_options.h"
#include "client/commands/exit_code.h"
#include "client/commands/usage_text.h"
#include "common/files.h"

namespace synergy {
namespace {

constexpr size_t kMaxFileBytes = 1u << 20;

absl::Status Usage(absl::StatusCode code, const std::string& text) {
  return Ending(ExitCode::kUsage, absl::Status(code, text));
}

absl::StatusOr<MeasureOptions> ParseArguments(const PlannedJob& job, const std::string& path) {
  MeasureOptions options;
  CLI::App app("", "run");
  AddMeasureOptions(app, &options);
  // CLI11 takes them from the end.
  std::vector<std::string> arguments(job.arguments.rbegin(), job.arguments.rend());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return Usage(absl::StatusCode::kInvalidArgument,
                 fmt::format("{}: {}: {}", path, job.label, UsageText(app, error)));
  }
  return options;
}

}  // namespace

std::vector<JobKey> JobFileKeys() {
  MeasureOptions options;
  CLI::App app;
  AddMeasureOptions(app, &options);
  v1::ClockRequest clocks;
  CLI::App of_clocks;
  AddClockOptions(of_clocks, kJobClockFlags, &clocks);
  std::vector<JobKey> keys;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option->get_lnames()[0] == "help") continue;
    JobKey key{.name = option->get_lnames()[0]};
    if (option->get_type_size_max() == 0) {
      key.kind = JobKey::Kind::kFlag;
    } else if (option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll) {
      key.kind = JobKey::Kind::kList;
    }
    key.of_clocks = of_clocks.get_option_no_throw("--" + key.name) != nullptr;
    keys.push_back(std::move(key));
  }
  return keys;
}

absl::StatusOr<SweepPlan> ReadSweepPlan(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return Ending(ExitCode::kUsage, text.status());
  absl::StatusOr<JobFile> file = ParseJobFile(*text, path, JobFileKeys());
  if (!file.ok()) return Ending(ExitCode::kUsage, file.status());
  SweepPlan plan{.file = *std::move(file), .jobs = {}};
  // The points of the matrix; their repetitions are the same.
  std::vector<MeasureOptions> points(plan.file.points);
  std::set<uint32_t> parsed;
  for (const PlannedJob& job : plan.file.jobs) {
    if (parsed.insert(job.point).second) {
      absl::StatusOr<MeasureOptions> options = ParseArguments(job, path);
      if (!options.ok()) return options.status();
      points[job.point] = *std::move(options);
    }
    plan.jobs.push_back(points[job.point]);
  }
  return plan;
}

}  // namespace synergy
