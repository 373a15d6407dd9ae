#include "client/commands/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "client/commands/clock_options.h"
#include "client/commands/exit_code.h"
#include "client/commands/quantities.h"
#include "client/commands/run_meter.h"
#include "client/commands/usage_text.h"
#include "client/commands/user_file.h"
#include "client/models/zoo.h"
#include "common/sha256.h"

namespace synergy {
namespace {

constexpr uint64_t kMaxFileBytes = 1u << 20;

// What is wrong with them; "": nothing.
std::string Parse(CLI::App& app, std::vector<std::string> arguments) {
  std::ranges::reverse(arguments);  // CLI11 takes them from the end
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return UsageText(app, error);
  }
  return "";
}

absl::StatusOr<MeasureOptions> ParseJob(const PlannedJob& job, const std::string& path) {
  MeasureOptions options;
  CLI::App app("", "run");
  AddMeasureOptions(app, &options);
  const std::string wrong = Parse(app, job.arguments);
  if (wrong.empty()) return options;
  return AboutFile(path, absl::InvalidArgumentError(fmt::format("{}: {}", job.label(), wrong)));
}

void AddResultOptions(CLI::App& app, ResultOptions* options) {
  AddBesideOptions(app, options);
  AddJudgingOptions(app, options);
}

absl::StatusOr<ResultOptions> ParseResult(const JobFile& file, const std::string& path) {
  ResultOptions options;
  CLI::App app("", "run");
  AddResultOptions(app, &options);
  const std::string wrong = Parse(app, file.arguments);
  if (!wrong.empty()) return AboutFile(path, absl::InvalidArgumentError(wrong));
  if (options.meter.empty()) return options;
  const absl::Status meter = MeterCommand(options.meter).status();
  if (!meter.ok()) return AboutFile(path, meter);
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

  void Resolve(ResultOptions* result) {
    if (!result->outputs.empty()) Resolve(&result->outputs);
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
  std::string beside;  // what is judged and shown otherwise is the same plan
  for (const std::string& argument : file.arguments) {
    if (!argument.starts_with("--outputs=") && !argument.starts_with("--meter=")) continue;
    beside += '\n' + argument;
  }
  if (folder.empty() && beside.empty()) return file.Digest();
  Sha256 hash;
  hash.Update(file.Digest() + '\n' + folder + beside);
  return absl::BytesToHexString(hash.Finish());
}

// The keys that the options of `app` are.
std::vector<JobKey> KeysOf(const CLI::App& app, bool of_file) {
  std::vector<JobKey> keys;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option->get_lnames()[0] == "help") continue;
    JobKey key{.name = option->get_lnames()[0], .of_file = of_file};
    if (option->get_type_size_max() == 0) {
      key.kind = JobKey::Kind::kFlag;
    } else if (option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll) {
      key.kind = JobKey::Kind::kList;
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

std::vector<JobKey> JobFileKeys() {
  MeasureOptions options;
  CLI::App of_job;
  AddMeasureOptions(of_job, &options);
  v1::ClockRequest clocks;
  CLI::App of_clocks;
  AddClockOptions(of_clocks, kJobClockFlags, &clocks);
  ResultOptions result;
  CLI::App of_file;
  AddResultOptions(of_file, &result);
  std::vector<JobKey> keys = KeysOf(of_job, /*of_file=*/false);
  for (JobKey& key : keys) {
    key.of_clocks = of_clocks.get_option_no_throw("--" + key.name) != nullptr;
  }
  std::ranges::move(KeysOf(of_file, /*of_file=*/true), std::back_inserter(keys));
  return keys;
}

bool IsJobFile(const std::string& text) { return HasSuffix(text, ".toml"); }

const PlannedJob& SweepPlan::Point(uint32_t point) const {
  return *std::ranges::find(file.jobs, point, &PlannedJob::point);
}

const MeasureOptions& SweepPlan::OptionsOf(uint32_t point) const {
  return jobs[static_cast<size_t>(&Point(point) - file.jobs.data())];
}

std::string SweepPlan::OutputsOf(size_t job) const {
  if (jobs.size() == 1 || result.outputs.empty()) return result.outputs;
  const std::filesystem::path all(result.outputs);
  return all.parent_path() /
         fmt::format("{}.{}{}", all.stem().string(), job + 1, all.extension().string());
}

absl::StatusOr<SweepPlan> ReadSweepPlan(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadUserFile(path, kMaxFileBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<JobFile> file = ParseJobFile(*text, path, JobFileKeys());
  if (!file.ok()) return Ending(ExitCode::kUsage, file.status());
  absl::StatusOr<ResultOptions> result = ParseResult(*file, path);
  if (!result.ok()) return result.status();
  SweepPlan plan{.path = path,
                 .file = *std::move(file),
                 .jobs = {},
                 .result = *std::move(result),
                 .digest = {},
                 .max_increase = {}};
  if (plan.file.gate && !plan.file.gate->max_increase.empty()) {
    const absl::StatusOr<double> limit = ParseIncrease(plan.file.gate->max_increase);
    if (!limit.ok()) return AboutFile(path + ": [gate] max-increase", limit.status());
    plan.max_increase = *limit;
  }
  PathResolver resolver(path);
  resolver.Resolve(&plan.result);
  // The points of the matrix; their repetitions are the same.
  std::vector<MeasureOptions> points(plan.file.points);
  std::set<uint32_t> parsed;
  for (const PlannedJob& job : plan.file.jobs) {
    if (parsed.insert(job.point).second) {
      absl::StatusOr<MeasureOptions> options = ParseJob(job, path);
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
