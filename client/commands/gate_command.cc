#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/gate_judgement.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/quantities.h"
#include "client/commands/user_file.h"
#include "client/report/gate_text.h"

namespace synergy {
namespace {

struct GateCommandOptions {
  GateOptions gate;
  double max_increase = 0, alpha = 0;
  ComparedWhat what;
  bool per_op = false;
  bool json = false, markdown = false, github = false;
  std::string junit;
};

// Where GitHub shows what a step wrote there, its summary.
absl::Status AppendToSummary(const std::string& markdown) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0') return absl::OkStatus();
  return AppendToFile(path, markdown + "\n");
}

nlohmann::ordered_json PointJson(const GateOptions& options, const JudgedPoint& point) {
  nlohmann::ordered_json json;
  json["baseline"] = SideJson(options.baseline, point.sides.baseline);
  json["candidate"] = SideJson(options.candidate, point.sides.candidate);
  json.update(GateJson(point.result));
  return json;
}

// Of one point it is the point's.
nlohmann::ordered_json DocumentOf(const GateOptions& options, const JudgedGate& judged,
                                  const std::vector<GateResult>& results) {
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  if (judged.size() == 1) {
    document.update(PointJson(options, judged.front()));
    return document;
  }
  const GateResult& first = results.front();
  document["baseline"] = {{"given", options.baseline}};
  document["candidate"] = {{"given", options.candidate}};
  document["simulated"] = !first.simulated.empty();
  document["decision"] = DecisionName(DecisionOf(results));
  document["metric"] = MetricName(first.metric);
  document["max_increase"] = first.rule.max_increase;
  document["alpha"] = first.rule.alpha;
  document["points"] = nlohmann::ordered_json::array();
  for (const JudgedPoint& point : judged) {
    nlohmann::ordered_json& json =
        document["points"].emplace_back(nlohmann::ordered_json{{"point", point.result.point}});
    json.update(PointJson(options, point));
  }
  return document;
}

absl::Status Print(const GateCommandOptions& options, const JudgedGate& judged,
                   const std::vector<GateResult>& results) {
  if (!options.junit.empty()) {
    const absl::Status written = WriteOutputFile(options.junit, {GateJunit(results)});
    if (!written.ok()) return written;
  }
  std::string text = GateText(results, StdoutColumns());
  if (options.markdown) text = GateMarkdown(results);
  if (options.json) text = JsonText(DocumentOf(options.gate, judged, results));
  if (!options.github) return WriteText(text);
  const absl::Status written =
      WriteStdout(WithoutWorkflowCommands(text) + GateAnnotations(results));
  return written.ok() ? AppendToSummary(GateMarkdown(results)) : written;
}

// How the command ends.
absl::Status EndOf(const GateOptions& options, const std::vector<GateResult>& results) {
  const GateDecision decision = DecisionOf(results);
  if (decision == GateDecision::kPass) return absl::OkStatus();
  if (decision == GateDecision::kFail) {
    return Ending(ExitCode::kFailedCheck,
                  absl::AbortedError(fmt::format("the gate failed: '{}' costs more than '{}' by "
                                                 "more than it may.",
                                                 options.candidate, options.baseline)));
  }
  std::string why =
      "measure more runs a side (--runs, or synergyctl tag RUN NAME --add), or longer ones.";
  for (const GateResult& result : results) {
    if (result.against.empty()) continue;
    why = result.against.front();
    break;
  }
  return Ending(ExitCode::kPartial, absl::AbortedError("the gate is INCONCLUSIVE: " + why));
}

// However the command ends, no older PASS is left to be collected.
absl::Status MakeRoomFor(const std::string& junit, const GateOptions& gate) {
  if (junit.empty()) return absl::OkStatus();
  if (absl::Status status = CheckOutputPath(junit); !status.ok()) return status;
  for (const std::string& given : {gate.baseline, gate.candidate}) {
    std::error_code error;
    if (!std::filesystem::equivalent(junit, given, error)) continue;
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(fmt::format(
                      "--junit {}: that is a side of the gate; name another file", junit)));
  }
  return RemoveOldOutput(junit);
}

absl::Status Gate(const GateCommandOptions& options) {
  if (absl::Status room = MakeRoomFor(options.junit, options.gate); !room.ok()) return room;
  const absl::StatusOr<JudgedGate> judged = JudgeGiven(options.gate);
  if (!judged.ok()) return judged.status();
  std::vector<GateResult> results;
  for (const JudgedPoint& point : *judged) results.push_back(point.result);
  const absl::Status printed = Print(options, *judged, results);
  return printed.ok() ? EndOf(options.gate, results) : printed;
}

void AddRuleOptions(CLI::App& command, GateCommandOptions& of_command) {
  GateOptions& options = of_command.gate;
  AddShareOption(
      command, "--max-increase", &of_command.max_increase,
      "How much more the candidate may cost, as 2%, up to 1000%; needed here or in [gate] "
      "of the baseline's job file, whose keys are the defaults of these options",
      ParseIncrease);
  AddShareOption(command, "--alpha", &of_command.alpha,
                 "How often a decision may be wrong at an increase of exactly that (default: 5%)");
  command.get_option("--alpha")->check([](const std::string& text) -> std::string {
    const absl::StatusOr<double> share = ParseShare(text);
    if (share.ok() && *share > 0 && *share < 0.5) return "";
    return text + ": above 0 and below 50% is possible";
  });
  AddComparedOptions(command, &of_command.what);
  command.add_flag("--per-op", of_command.per_op, "Each operator, too, corrected for their number");
  command.add_flag("--pairs", options.pairs,
                   "The runs of both sides were measured in turns: compare them pair by pair. The "
                   "result may be looked at after each pair, as often as one likes, to stop early");
  command
      .add_option(
          "--runs", options.said.runs,
          fmt::format("Measure so many of each point of a job file, at most (default: the "
                      "repetitions of the baseline's, else {} in turns, {} beside stored runs)",
                      kGatePairs, kGateRuns))
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  command.add_flag("--require-valid", options.require_valid,
                   "SUSPECT runs, too, neither pass nor fail");
  command.add_flag("--force", options.force, "Also other networks, batches and boards");
}

// What the command line leaves open the baseline's job file may say.
void TakeWhatWasSaid(const CLI::App& command, GateCommandOptions* options) {
  GateSettings& said = options->gate.said;
  const auto given = [&](const char* flag) { return command.count(flag) > 0; };
  if (given("--max-increase")) said.max_increase = options->max_increase;
  if (given("--alpha")) said.alpha = options->alpha;
  if (given("--rail")) said.rail = options->what.rail;
  if (given("--per-op")) said.per_op = options->per_op;
  said.metric = options->what.metric;
  options->gate.between_run = options->what.between_run;
}

void AddOutputOptions(CLI::App& command, GateCommandOptions& options) {
  AddJsonFlag(command, &options.json);
  CLI::Option* json = command.get_option("--json");
  command.add_flag("--markdown", options.markdown, "A table for a pull request instead of text")
      ->excludes(json);
  command
      .add_flag("--github", options.github,
                "GitHub workflow annotations after the text, and the table of --markdown into the "
                "step's summary, the file that GITHUB_STEP_SUMMARY names")
      ->excludes(json);
  command.add_option("--junit", options.junit, "Also write a JUnit report into this file")
      ->type_name("FILE");
}

}  // namespace

void AddGateCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<GateCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "gate",
      "Pass or fail: does a run cost more than another by more than it may? Ends with 0 "
      "(PASS), 1 (FAIL) or 5 (INCONCLUSIVE)");
  command
      ->add_option(
          "baseline", options->gate.baseline,
          "A run; a tag: all runs that have it; or a job file (.toml, as of submit), which "
          "is measured: two of them in turns, point by point, until it is decided")
      ->type_name("BASELINE")
      ->required();
  command->add_option("candidate", options->gate.candidate, "Likewise")
      ->type_name("CANDIDATE")
      ->required();
  AddRuleOptions(*command, *options);
  AddHostOption(*command, &options->gate.host);
  AddStoreOption(*command, &options->gate.store);
  AddOutputOptions(*command, *options);
  command->callback([options, command, chosen] {
    TakeWhatWasSaid(*command, options.get());
    *chosen = [options] { return Gate(*options); };
  });
}

}  // namespace synergy
