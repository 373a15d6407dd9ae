#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "client/analysis/diagnosis_json.h"
#include "client/analysis/report_json.h"
#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/report/diagnosis_text.h"

namespace synergy {
namespace {

struct DoctorOptions {
  std::string host;
  bool try_clocks = false;
  bool json = false;
};

absl::Status Show(const v1::Diagnosis& diagnosis, bool json) {
  return json ? WriteStdout(JsonText(DiagnosisJson(diagnosis)))
              : WritePaged(DiagnosisText(diagnosis));
}

// What this side can do about a daemon that it does not reach.
std::string MendFor(const absl::Status& status, const std::string& host) {
  const auto address = ParseHost(host);
  if (absl::IsPermissionDenied(status)) {
    return "join the socket's group (sudo usermod -aG GROUP USER, then log in again), or use sudo";
  }
  if (address.ok() && std::holds_alternative<TcpAddress>(*address)) {
    return "on the board: sudo synergyd credentials, once, and sudo synergyd --listen 0.0.0.0, "
           "then "
           "sudo synergyd pair, and here the line that it prints (docs/access.md)";
  }
  return "sudo systemctl start synergyd, or sudo synergyd; for another board: --host HOST or "
         "SYNERGY_HOST";
}

// Of a board that cannot be asked: all that can be said from here.
absl::Status ShowUnreached(const absl::Status& status, const DoctorOptions& options) {
  if (ExitCodeOf(status) != ExitCode::kNotReached) return status;
  v1::Diagnosis diagnosis;
  v1::Diagnosis::Check& check = *diagnosis.add_checks();
  check.set_area("daemon");
  check.set_result(v1::Diagnosis::Check::RESULT_MISSING);
  check.set_found(std::string(status.message()));
  check.set_mend(MendFor(status, options.host.empty() ? DefaultHost() : options.host));
  if (absl::Status shown = Show(diagnosis, options.json); !shown.ok()) return shown;
  return Ending(ExitCode::kNotReached,
                absl::UnavailableError("no board could be asked: its daemon was not reached"));
}

absl::Status Diagnose(const DoctorOptions& options) {
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return ShowUnreached(link.status(), options);
  const absl::StatusOr<v1::Diagnosis> diagnosis = (*link)->client()->Diagnose(options.try_clocks);
  if (absl::IsUnimplemented(diagnosis.status())) {
    return Ending(ExitCode::kRefused,
                  absl::FailedPreconditionError(fmt::format(
                      "the synergyd at {} ({}) knows no diagnosis yet: install synergyd of this "
                      "synergyctl's version there",
                      (*link)->client()->host(), (*link)->board().daemon_version())));
  }
  if (!diagnosis.ok()) return ShowUnreached(FromDevice(diagnosis.status()), options);
  if (absl::Status shown = Show(*diagnosis, options.json); !shown.ok()) return shown;
  if (WorstOf(*diagnosis) != v1::Diagnosis::Check::RESULT_MISSING) return absl::OkStatus();
  return Ending(ExitCode::kFailedCheck,
                absl::FailedPreconditionError("this board lacks something essential"));
}

}  // namespace

void AddDoctorCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand(
      "doctor", "Say what a board can measure, what it lacks, and which command mends it");
  AddHostOption(*command, &options->host);
  command->add_flag("--try", options->try_clocks,
                    "Also set a clock to what it is already, read it back and put it back; not "
                    "while a job or somebody else has the clocks");
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return Diagnose(*options); }; });
}

}  // namespace synergy
