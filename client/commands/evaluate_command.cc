#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/feature_source.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/user_file.h"
#include "client/predict/evaluation.h"
#include "client/predict/prediction_json.h"
#include "client/report/page/report_page.h"
#include "client/report/prediction_text.h"

namespace synergy {
namespace {

constexpr const char* kArchitecture = "architecture";

struct EvaluateOptions {
  FeatureSourceOptions source;
  std::vector<std::string> families;  // none: all
  int degree = 1;
  bool has_degree = false;  // it was said
  std::string leave_out = "network";
  int folds = 0;
  uint64_t seed = 1;
  std::vector<std::string> train, test;
  std::string page;
  bool json = false;
};

absl::Status Usage(const std::string& what) {
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(what));
}

Split SplitOf(const EvaluateOptions& options) {
  if (!options.test.empty()) return TrainTest{options.train, options.test};
  if (options.folds > 0) return KFold{options.folds, options.seed};
  if (options.leave_out == kArchitecture) return LeaveOneArchitectureOut{};
  return LeaveOneNetworkOut{};
}

std::string SplitText(const EvaluateOptions& options) {
  if (!options.test.empty()) return fmt::format("{}", fmt::join(options.test, ", "));
  if (options.folds > 0) return fmt::format("one of {} parts of the rows at a time", options.folds);
  return fmt::format("one {} at a time", options.leave_out);
}

struct Evaluated {
  std::vector<Evaluation> evaluations;
  std::vector<std::pair<Family, std::string>> not_evaluated;  // and why
};

// All families, but for those that these rows do not have the features for; or those asked for.
absl::StatusOr<Evaluated> EvaluateFamilies(const EvaluateOptions& options,
                                           const LoadedFeatures& loaded) {
  Evaluated out;
  std::vector<Family> families;
  for (const std::string& name : options.families) families.push_back(*FamilyOfName(name));
  const bool are_chosen = !families.empty();
  if (!are_chosen) families.assign(std::begin(kFamilies), std::end(kFamilies));
  std::optional<absl::Status> first;
  for (const Family family : families) {
    absl::StatusOr<Evaluation> evaluation = Evaluate(
        loaded.table,
        {.family = family, .degree = options.degree, .more_features = loaded.more_features},
        SplitOf(options));
    if (evaluation.ok()) {
      out.evaluations.push_back(*std::move(evaluation));
      continue;
    }
    if (are_chosen) return Ending(ExitCode::kUsage, evaluation.status());
    if (!first) first = evaluation.status();
    out.not_evaluated.emplace_back(family, std::string(evaluation.status().message()));
  }
  if (out.evaluations.empty()) return Ending(ExitCode::kUsage, *first);
  return out;
}

nlohmann::ordered_json DocumentOf(const EvaluateOptions& options, const LoadedFeatures& loaded,
                                  const Evaluated& evaluated) {
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["simulated"] = !loaded.SimulatedNotice().empty();
  document["rail"] = loaded.rail;
  document["conditions"] = loaded.conditions;
  document["left_out"] = SplitText(options);
  document["families"] = nlohmann::ordered_json::array();
  for (const Evaluation& evaluation : evaluated.evaluations) {
    document["families"].push_back(EvaluationJson(evaluation));
  }
  document["not_evaluated"] = nlohmann::ordered_json::array();
  for (const auto& [family, reason] : evaluated.not_evaluated) {
    document["not_evaluated"].push_back({{"family", FamilyName(family)}, {"reason", reason}});
  }
  document["notes"] = loaded.notes;
  return document;
}

absl::Status EvaluateCommand(const EvaluateOptions& options) {
  const bool to_stdout = options.page == "-";
  if (to_stdout && options.json) return Usage("-o - and --json both write to stdout");
  const std::string with_degree(FamilyName(Family::kMac));
  if (options.has_degree && !options.families.empty() &&
      std::ranges::find(options.families, with_degree) == options.families.end()) {
    return Usage("--degree is of the family mac, which is not among these");
  }
  if (!options.page.empty() && !to_stdout) {
    if (absl::Status status = CheckOutputPath(options.page); !status.ok()) return status;
  }
  absl::StatusOr<LoadedFeatures> loaded = LoadFeatures(options.source);
  if (!loaded.ok()) return loaded.status();
  absl::StatusOr<Evaluated> evaluated = EvaluateFamilies(options, *loaded);
  if (!evaluated.ok()) return evaluated.status();
  const std::string simulated = loaded->SimulatedNotice();
  if (!options.page.empty()) {
    const std::string page =
        EvaluationPage(DocumentOf(options, *loaded, *evaluated),
                       std::string(absl::StripTrailingAsciiWhitespace(simulated)));
    if (to_stdout) return WriteStdout(page);
    if (absl::Status status = WriteOutputFile(options.page, {page}); !status.ok()) return status;
  }
  if (options.json) {
    return WriteStdout(JsonText(DocumentOf(options, *loaded, *evaluated)));
  }
  std::string text = EvaluationsText(evaluated->evaluations, loaded->rail, StdoutColumns());
  for (const auto& [family, reason] : evaluated->not_evaluated) {
    text += fmt::format("{} is not evaluated: {}\n", FamilyName(family), reason);
  }
  for (const std::string& note : loaded->notes) text += note + "\n";
  return WritePaged(text + simulated);
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand(
      "evaluate", "Show how well families of models predict what they have not seen");
  AddFeatureSourceOptions(*command, &options->source);
  command->add_option("--family", options->families, "Default: all that these rows allow")
      ->delimiter(',')
      ->check(IsFamily());
  CLI::Option* degree =
      command->add_option("--degree", options->degree, "Of the polynomial of the family mac")
          ->check(CLI::Range(1, kMostDegree))
          ->capture_default_str();
  CLI::Option* leave_out =
      command
          ->add_option("--leave-out", options->leave_out,
                       "What is left out in turns: a network, or an architecture with all of its "
                       "networks")
          ->check(CLI::IsMember({"network", kArchitecture}))
          ->capture_default_str();
  CLI::Option* folds =
      command
          ->add_option("--k-fold", options->folds,
                       "Leave out so many parts of the rows in turns, instead of networks")
          ->excludes(leave_out)
          ->check(CLI::Range(2, 1000));
  command->add_option("--seed", options->seed, "That the parts are drawn with")
      ->needs(folds)
      ->capture_default_str();
  CLI::Option* train = command->add_option("--train", options->train, "Networks to fit to")
                           ->delimiter(',')
                           ->excludes(leave_out)
                           ->excludes(folds);
  CLI::Option* test = command->add_option("--test", options->test, "Networks to predict")
                          ->delimiter(',')
                          ->needs(train);
  train->needs(test);
  command
      ->add_option("-o,--output", options->page,
                   "Write an HTML page, too: predicted against measured, with intervals (-: to "
                   "stdout, instead of the table)")
      ->type_name("FILE");
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen, degree] {
    options->has_degree = degree->count() > 0;
    *chosen = [options] { return EvaluateCommand(*options); };
  });
}

}  // namespace synergy
