#include "client/jobs/job_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/sha256.h"
#include "common/toml_table.h"

namespace synergy {
namespace {

constexpr int64_t kMaxRepetitions = 10'000;
// The axes that vary slowest, in their order; the others follow in that of the options.
constexpr std::string_view kNet = "net";
constexpr std::string_view kFirstAxes[] = {kNet, "engine", "clocks", "batch", "threads"};

// One of the values of an axis.
struct Choice {
  std::vector<std::string> arguments;
  std::string label;
};
struct Axis {
  std::string name;
  std::vector<Choice> choices;
};

std::string Argument(std::string_view key, std::string_view value) {
  return fmt::format("--{}={}", key, value);
}

class Reader {
 public:
  Reader(const toml::table& table, const std::string& origin, const std::vector<JobKey>& keys)
      : table_(table, origin), keys_(keys) {}

  absl::StatusOr<JobFile> Read() {
    JobFile file;
    if (table_.Integer("schema", 1, 1) != 1) return table_.Finish();
    file.name = table_.Text("name");
    if (file.name.empty()) table_.Fail("name", "must not be empty");
    if (table_.Has("repetitions")) {
      file.repetitions = static_cast<uint32_t>(table_.Integer("repetitions", 1, kMaxRepetitions));
    }
    const std::string order = table_.TextOr("order", "interleaved");
    if (order != "interleaved" && order != "blocked") {
      table_.Fail("order", "must be interleaved or blocked");
    }
    if (!table_.Has("net")) table_.Fail("net", "is missing: the networks to measure");
    for (const JobKey& key : keys_) ReadKey(key);
    ReadClocks();
    ReadGate(&file.gate);
    if (absl::Status status = table_.Finish(); !status.ok()) return status;
    Plan(order == "blocked", &file);
    file.arguments = of_file_;
    return file;
  }

 private:
  void ReadKey(const JobKey& key) {
    if (!table_.Has(key.name)) return;
    TomlTable::Scalars values = table_.ScalarTexts(key.name);
    std::vector<std::string>& arguments = key.of_file ? of_file_ : common_;
    if (key.kind == JobKey::Kind::kFlag) {
      if (values.texts != std::vector<std::string>{"true"} &&
          values.texts != std::vector<std::string>{"false"}) {
        table_.Fail(key.name, "must be true or false");
      } else if (values.texts[0] == "true") {
        arguments.push_back("--" + key.name);
      }
    } else if (key.kind == JobKey::Kind::kList || !values.is_list) {
      for (const std::string& text : values.texts) arguments.push_back(Argument(key.name, text));
      if (key.name == kNet && !values.texts.empty()) net_ = values.texts[0];
    } else if (key.of_file) {
      table_.Fail(key.name, "must be one value: it holds for all jobs");
    } else {
      Axis& axis = axes_.emplace_back(Axis{key.name, {}});
      const std::string prefix = key.name == kNet ? "" : key.name + "=";
      for (const std::string& text : values.texts) {
        axis.choices.push_back({{Argument(key.name, text)}, prefix + text});
      }
      RefuseTwins(axis);
    }
  }

  void ReadClocks() {
    if (!table_.Has("clocks")) return;
    Axis& axis = axes_.emplace_back(Axis{"clocks", {}});
    for (TomlTable& clocks : table_.Tables("clocks")) {
      Choice& choice = axis.choices.emplace_back();
      for (const JobKey& key : keys_) {
        if (!key.of_clocks || !clocks.Has(key.name)) continue;
        const TomlTable::Scalars value = clocks.ScalarTexts(key.name);
        if (value.texts.size() != 1) clocks.Fail(key.name, "must be one value");
        if (table_.Has(key.name)) clocks.Fail(key.name, "stands outside of [[clocks]] as well");
        if (value.texts.empty()) continue;
        choice.arguments.push_back(Argument(key.name, value.texts[0]));
        choice.label +=
            fmt::format("{}{}={}", choice.label.empty() ? "" : " ", key.name, value.texts[0]);
      }
      table_.Fail(clocks.Finish());
    }
    RefuseTwins(axis);
  }

  // Two points that are one: for that there are repetitions.
  void RefuseTwins(const Axis& axis) {
    std::set<std::vector<std::string>> seen;
    for (const Choice& choice : axis.choices) {
      if (seen.insert(choice.arguments).second) continue;
      table_.Fail(axis.name, fmt::format("has '{}' twice; repetitions = N measures a point often",
                                         choice.label));
    }
  }

  void ReadGate(std::optional<JobFileGate>* read) {
    std::optional<TomlTable> table = table_.TableIfAny("gate");
    if (!table) return;
    JobFileGate& gate = read->emplace();
    for (const auto& [key, text] : {std::pair("max-increase", &gate.max_increase),
                                    {"metric", &gate.metric},
                                    {"rail", &gate.rail}}) {
      if (!table->Has(key)) continue;
      *text = table->Text(key);
      if (text->empty()) table->Fail(key, "must not be empty");
    }
    if (table->Has("alpha")) {
      gate.alpha = table->Number("alpha");
      const bool possible = *gate.alpha > 0 && *gate.alpha < 0.5;
      if (!possible) table->Fail("alpha", "must be above 0 and below 0.5");
    }
    if (table->Has("per-op")) gate.per_op = table->Bool("per-op");
    if (!gate.metric.empty() && gate.metric != "energy" && gate.metric != "time" &&
        gate.metric != "edp") {
      table->Fail("metric", "must be energy, time or edp");
    }
    if (gate.metric == "time" && !gate.rail.empty())
      table->Fail("rail", "has no meaning for metric \"time\"");
    table_.Fail(table->Finish());
  }

  void SortAxes() {
    const auto rank = [](const Axis& axis) {
      return std::ranges::find(kFirstAxes, axis.name) - std::begin(kFirstAxes);
    };
    std::ranges::stable_sort(axes_, {}, rank);
  }

  // The last axis varies fastest.
  PlannedJob Point(size_t number) const {
    PlannedJob job;
    job.point = static_cast<uint32_t>(number);
    job.arguments = common_;
    std::vector<std::string> labels;
    for (auto axis = axes_.rbegin(); axis != axes_.rend(); ++axis) {
      const Choice& choice = axis->choices[number % axis->choices.size()];
      number /= axis->choices.size();
      job.arguments.insert(job.arguments.end(), choice.arguments.begin(), choice.arguments.end());
      if (axis->name == kNet) {
        job.net = choice.label;
      } else if (!choice.label.empty()) {
        labels.push_back(choice.label);
      }
    }
    std::ranges::reverse(labels);
    if (!net_.empty()) job.net = net_;
    job.axes = fmt::format("{}", fmt::join(labels, " "));
    return job;
  }

  void Plan(bool blocked, JobFile* file) {
    SortAxes();
    size_t points = 1;
    for (const Axis& axis : axes_) points = std::min(points * axis.choices.size(), kMaxPlannedJobs);
    file->points = static_cast<uint32_t>(points);
    const size_t repetitions = file->repetitions.value_or(1);
    for (size_t i = 0; i < points * repetitions && i <= kMaxPlannedJobs; ++i) {
      PlannedJob job = Point(blocked ? i / repetitions : i % points);
      job.repetition = static_cast<uint32_t>(blocked ? i % repetitions : i / points);
      file->jobs.push_back(std::move(job));
    }
  }

  TomlTable table_;
  const std::vector<JobKey>& keys_;
  std::vector<std::string> common_;   // arguments of all jobs
  std::vector<std::string> of_file_;  // JobFile::arguments
  std::string net_;                   // where it is one for all jobs
  std::vector<Axis> axes_;
};

}  // namespace

std::string JobFile::Digest() const {
  Sha256 hash;
  for (const PlannedJob& job : jobs) {
    for (const std::string& argument : job.arguments) hash.Update(argument + '\n');
    hash.Update("\n");
  }
  return absl::BytesToHexString(hash.Finish());
}

absl::StatusOr<JobFile> ParseJobFile(std::string_view text, const std::string& origin,
                                     const std::vector<JobKey>& keys) {
  toml::table table;
  try {
    table = toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        fmt::format("{}: line {}: {}", origin, error.source().begin.line, error.description()));
  }
  absl::StatusOr<JobFile> file = Reader(table, origin, keys).Read();
  if (file.ok() && file->jobs.size() >= kMaxPlannedJobs) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: its matrix has {} jobs or more: leave something out", origin, kMaxPlannedJobs));
  }
  return file;
}

}  // namespace synergy
