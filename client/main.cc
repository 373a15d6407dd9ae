// synergyctl: measures networks on boards and shows what they cost.
#include <fmt/format.h>

#include <csignal>
#include <sstream>

#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/usage_text.h"

namespace synergy {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 ok, 1 failed check, 2 bad input, 3 daemon not reached, 4 refused, 5 partial "
    "data or an INCONCLUSIVE gate, "
    "130 interrupted.\n"
    "Environment: SYNERGY_HOST, XDG_CONFIG_HOME, XDG_DATA_HOME, NO_COLOR.";

void AddCommands(CLI::App& app, ChosenCommand* chosen) {
  app.set_version_flag("--version", "synergyctl " SYNERGY_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  AddRunCommand(app, chosen);
  AddSubmitCommand(app, chosen);
  AddRunsCommand(app, chosen);
  AddTagCommand(app, chosen);
  AddCompareCommand(app, chosen);
  AddGateCommand(app, chosen);
  AddFitCommand(app, chosen);
  AddEvaluateCommand(app, chosen);
  AddPredictCommand(app, chosen);
  AddShowCommand(app, chosen);
  AddAnalyzeCommand(app, chosen);
  AddReportCommand(app, chosen);
  AddExportCommand(app, chosen);
  AddImportCommand(app, chosen);
  AddFetchCommand(app, chosen);
  AddCancelCommand(app, chosen);
  AddJobsCommand(app, chosen);
  AddJobCommand(app, chosen);
  AddLeaseCommand(app, chosen);
  AddWatchCommand(app, chosen);
  AddModelsCommand(app, chosen);
  AddBoardCommand(app, chosen);
  AddQuotaCommand(app, chosen);
  AddClocksCommand(app, chosen);
  AddDoctorCommand(app, chosen);
  AddDevicesCommand(app, chosen);
  AddPairCommand(app, chosen);
  AddUnpairCommand(app, chosen);
  RefuseMissingValues(app);
}

int Main(int argc, char** argv) {
  OccupyStandardDescriptors();
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("Measures what neural networks cost in joules, operator by operator.", "synergyctl");
  ChosenCommand chosen;
  AddCommands(app, &chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream text, errors;
    const int code = app.exit(asked, text, errors);
    const absl::Status written = WriteStdout(text.str());
    if (!written.ok()) PrintError(written);
    return written.ok() ? code : static_cast<int>(ExitCodeOf(written));
  } catch (const CLI::ParseError& error) {
    PrintNote(fmt::format("{} (synergyctl --help and synergyctl COMMAND --help tell what there is)",
                          UsageText(app, error)));
    return static_cast<int>(ExitCode::kUsage);
  }
  const absl::Status status = chosen();
  if (!status.ok()) PrintError(status);
  return static_cast<int>(ExitCodeOf(status));
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }
