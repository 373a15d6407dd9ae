#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/gate_judgement.h"
#include "client/commands/output.h"
#include "client/commands/quantities.h"
#include "client/commands/user_file.h"
#include "client/report/gate_text.h"

namespace synergy {
namespace {

struct GateCommandOptions {
  GateOptions gate;
  bool json = false, markdown = false, github = false;
  std::string junit;
};

// Where GitHub shows what a step wrote there, its summary.
absl::Status AppendToSummary(const std::string& markdown) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0') return absl::OkStatus();
  return AppendToFile(path, markdown + "\n");
}

absl::Status Print(const GateCommandOptions& options, const JudgedGate& judged) {
  const GateResult& result = judged.result;
  if (!options.junit.empty()) {
    const absl::Status written = WriteOutputFile(options.junit, {GateJunit(result)});
    if (!written.ok()) return written;
  }
  std::string text = GateText(result, StdoutColumns());
  if (options.markdown) text = GateMarkdown(result);
  if (options.json) {
    nlohmann::ordered_json document;
    document["schema_version"] = kReportSchemaVersion;
    document["baseline"] = SideJson(options.gate.baseline, judged.sides.baseline);
    document["candidate"] = SideJson(options.gate.candidate, judged.sides.candidate);
    document.update(GateJson(result));
    text = JsonText(document);
  }
  if (!options.github) return WriteStdout(text);
  const absl::Status written = WriteStdout(text + GateAnnotations(result));
  return written.ok() ? AppendToSummary(GateMarkdown(result)) : written;
}

// How the command ends.
absl::Status EndOf(const GateOptions& options, const GateResult& result) {
  if (result.decision == GateDecision::kPass) return absl::OkStatus();
  if (result.decision == GateDecision::kFail) {
    return Ending(ExitCode::kFailedCheck,
                  absl::AbortedError(fmt::format("the gate failed: '{}' costs more than '{}' by "
                                                 "more than it may.",
                                                 options.candidate, options.baseline)));
  }
  return Ending(
      ExitCode::kPartial,
      absl::AbortedError(result.against.empty()
                             ? "the gate is INCONCLUSIVE: measure more runs a side (--runs, or "
                               "synergyctl tag RUN NAME --add), or longer ones."
                             : "the gate is INCONCLUSIVE: " + result.against.front()));
}

absl::Status Gate(const GateCommandOptions& options) {
  if (!options.junit.empty()) {
    if (absl::Status status = CheckOutputPath(options.junit); !status.ok()) return status;
  }
  const absl::StatusOr<JudgedGate> judged = JudgeGiven(options.gate);
  if (!judged.ok()) return judged.status();
  const absl::Status printed = Print(options, *judged);
  return printed.ok() ? EndOf(options.gate, judged->result) : printed;
}

void AddRuleOptions(CLI::App& command, GateOptions& options) {
  AddShareOption(command, "--max-increase", &options.rule.max_increase,
                 "How much more the candidate may cost, as 2%");
  command.get_option("--max-increase")->required();
  AddShareOption(command, "--alpha", &options.rule.alpha,
                 "How often a decision may be wrong at an increase of exactly that (default: 5%)");
  command.get_option("--alpha")->check([](const std::string& text) -> std::string {
    const absl::StatusOr<double> share = ParseShare(text);
    if (share.ok() && *share > 0 && *share < 0.5) return "";
    return text + ": above 0 and below 50% is possible";
  });
  AddComparedOptions(command, &options.what);
  command.add_flag("--per-op", options.per_op, "Each operator, too, corrected for their number");
  command.add_flag("--pairs", options.pairs,
                   "The runs of both sides were measured in turns: compare them pair by pair. The "
                   "result may be looked at after each pair, as often as one likes, to stop early");
  command
      .add_option("--runs", options.runs,
                  fmt::format("Measure so many of each job file, at most (default: {} in turns, {} "
                              "beside stored runs)",
                              kGatePairs, kGateRuns))
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  command.add_flag("--require-valid", options.require_valid,
                   "SUSPECT runs, too, neither pass nor fail");
  command.add_flag("--force", options.force, "Also other networks, batches and boards");
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
      ->add_option("baseline", options->gate.baseline,
                   "A run; a tag: all runs that have it; or a job file (.toml), which is measured: "
                   "two of them in turns, until it is decided")
      ->type_name("BASELINE")
      ->required();
  command->add_option("candidate", options->gate.candidate, "Likewise")
      ->type_name("CANDIDATE")
      ->required();
  AddRuleOptions(*command, options->gate);
  AddHostOption(*command, &options->gate.host);
  AddStoreOption(*command, &options->gate.store);
  AddOutputOptions(*command, *options);
  command->callback([options, chosen] { *chosen = [options] { return Gate(*options); }; });
}

}  // namespace synergy
