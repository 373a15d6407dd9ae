#include "client/commands/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "client/commands/clock_options.h"
#include "client/commands/exit_code.h"
#include "client/commands/quantities.h"
#include "client/commands/usage_text.h"
#include "client/commands/user_file.h"
#include "client/models/zoo.h"
#include "common/sha256.h"

namespace synergy {
namespace {

constexpr uint64_t kMaxFileBytes = 1u << 20;

absl::StatusOr<MeasureOptions> ParseArguments(const PlannedJob& job, const std::string& path) {
  MeasureOptions options;
  CLI::App app("", "run");
  AddMeasureOptions(app, &options);
  // CLI11 takes them from the end.
  std::vector<std::string> arguments(job.arguments.rbegin(), job.arguments.rend());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return AboutFile(path, absl::InvalidArgumentError(
                               fmt::format("{}: {}", job.label(), UsageText(app, error))));
  }
  return options;
}

// Finds what a job names from the job file's folder.
class PathResolver {
 public:
  explicit PathResolver(const std::string& job_file)
      : folder_(std::filesystem::path(job_file).parent_path()) {}

  absl::Status Resolve(ModelOptions* model) {
    const absl::Status zoo = FindModel(model->net).status();
    if (!zoo.ok()) {
      const bool is_path = model->net.find_first_of("./") != std::string::npos;
      std::error_code error;
      if (!is_path && !std::filesystem::exists(folder_ / model->net, error)) return zoo;
      Resolve(&model->net);
    }
    if (!model->init.empty()) Resolve(&model->init);
    for (std::string& input : model->inputs) {
      const size_t path = input.find('=') + 1;  // 0 without a blob
      std::string file = input.substr(path);
      Resolve(&file);
      input = input.substr(0, path) + file;
    }
    return absl::OkStatus();
  }

  // The folder, where a path was relative to it; else "".
  std::string Used() const {
    std::error_code error;
    if (!used_) return "";
    return std::filesystem::canonical(folder_.empty() ? "." : folder_, error).string();
  }

 private:
  void Resolve(std::string* path) {
    used_ = used_ || std::filesystem::path(*path).is_relative();
    *path = folder_ / *path;
  }

  const std::filesystem::path folder_;
  bool used_ = false;
};

std::string DigestOf(const JobFile& file, const std::string& folder) {
  if (folder.empty()) return file.Digest();
  Sha256 hash;
  hash.Update(file.Digest() + '\n' + folder);
  return absl::BytesToHexString(hash.Finish());
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

bool IsJobFile(const std::string& text) { return HasSuffix(text, ".toml"); }

const PlannedJob& SweepPlan::Point(uint32_t point) const {
  return *std::ranges::find(file.jobs, point, &PlannedJob::point);
}

const MeasureOptions& SweepPlan::OptionsOf(uint32_t point) const {
  return jobs[static_cast<size_t>(&Point(point) - file.jobs.data())];
}

absl::StatusOr<SweepPlan> ReadSweepPlan(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadUserFile(path, kMaxFileBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<JobFile> file = ParseJobFile(*text, path, JobFileKeys());
  if (!file.ok()) return Ending(ExitCode::kUsage, file.status());
  SweepPlan plan{
      .path = path, .file = *std::move(file), .jobs = {}, .digest = {}, .max_increase = {}};
  if (plan.file.gate && !plan.file.gate->max_increase.empty()) {
    const absl::StatusOr<double> share = ParseShare(plan.file.gate->max_increase);
    if (!share.ok()) return AboutFile(path + ": [gate] max-increase", share.status());
    plan.max_increase = *share;
  }
  PathResolver resolver(path);
  // The points of the matrix; their repetitions are the same.
  std::vector<MeasureOptions> points(plan.file.points);
  std::set<uint32_t> parsed;
  for (const PlannedJob& job : plan.file.jobs) {
    if (parsed.insert(job.point).second) {
      absl::StatusOr<MeasureOptions> options = ParseArguments(job, path);
      if (!options.ok()) return options.status();
      const absl::Status found = resolver.Resolve(&options->model);
      if (!found.ok()) return AboutFile(path, found);
      points[job.point] = *std::move(options);
    }
    plan.jobs.push_back(points[job.point]);
  }
  plan.digest = DigestOf(plan.file, resolver.Used());
  return plan;
}

}  // namespace synergy
