// The subcommands of synergyctl, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/analysis/run_judgement.h"

namespace synergy {

// What the command line chose, run after it was parsed. Errors say how synergyctl ends
// (exit_code.h).
using ChosenCommand = std::function<absl::Status()>;

// Each adds its subcommand with its flags to `app`; where it is given, it sets `*chosen`, which
// outlives the app.
void AddRunCommand(CLI::App& app, ChosenCommand* chosen);
void AddSubmitCommand(CLI::App& app, ChosenCommand* chosen);
void AddRunsCommand(CLI::App& app, ChosenCommand* chosen);  // with `runs prune`
void AddTagCommand(CLI::App& app, ChosenCommand* chosen);
void AddCompareCommand(CLI::App& app, ChosenCommand* chosen);
void AddGateCommand(CLI::App& app, ChosenCommand* chosen);
void AddFitCommand(CLI::App& app, ChosenCommand* chosen);
void AddEvaluateCommand(CLI::App& app, ChosenCommand* chosen);
void AddPredictCommand(CLI::App& app, ChosenCommand* chosen);
void AddShowCommand(CLI::App& app, ChosenCommand* chosen);
void AddAnalyzeCommand(CLI::App& app, ChosenCommand* chosen);
void AddReportCommand(CLI::App& app, ChosenCommand* chosen);
void AddExportCommand(CLI::App& app, ChosenCommand* chosen);
void AddImportCommand(CLI::App& app, ChosenCommand* chosen);
void AddCancelCommand(CLI::App& app, ChosenCommand* chosen);
void AddModelsCommand(CLI::App& app, ChosenCommand* chosen);
void AddFetchCommand(CLI::App& app, ChosenCommand* chosen);
void AddBoardCommand(CLI::App& app, ChosenCommand* chosen);
void AddJobsCommand(CLI::App& app, ChosenCommand* chosen);
void AddWatchCommand(CLI::App& app, ChosenCommand* chosen);
void AddJobCommand(CLI::App& app, ChosenCommand* chosen);  // with `job cancel`
void AddLeaseCommand(CLI::App& app, ChosenCommand* chosen);
void AddQuotaCommand(CLI::App& app, ChosenCommand* chosen);
void AddClocksCommand(CLI::App& app, ChosenCommand* chosen);  // with `clocks pin`
void AddDoctorCommand(CLI::App& app, ChosenCommand* chosen);
void AddDevicesCommand(CLI::App& app, ChosenCommand* chosen);
void AddPairCommand(CLI::App& app, ChosenCommand* chosen);
void AddUnpairCommand(CLI::App& app, ChosenCommand* chosen);

struct RunsOptions {
  std::string store;
  bool json = false;
};
// Under `runs`, whose --store and --json it shares.
void AddPruneCommand(CLI::App& runs, std::shared_ptr<const RunsOptions> shared,
                     ChosenCommand* chosen);

// Refuses numbers below 0 and those that are not finite.
CLI::Validator NotNegative();

// Flags that several commands share.
void AddStoreOption(CLI::App& command, std::string* store);
void AddHostOption(CLI::App& command, std::string* host);
void AddJsonFlag(CLI::App& command, bool* json);
void AddMethodOption(CLI::App& command, std::string* method);
// --limit NAME=VALUE, of Named(*limits).
void AddLimitOption(CLI::App& command, RecordLimits* limits);
void AddSortOption(CLI::App& command, std::string* sort);  // "index", "time" or "energy"

}  // namespace synergy
