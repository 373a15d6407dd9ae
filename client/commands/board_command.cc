#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/commands/board_link.h"
#include "client/commands/board_text.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"

namespace synergy {
namespace {

struct BoardOptions {
  std::string host;
  bool json = false;
};

// What a board keeps of weights and inputs; a daemon one version back does not say.
std::optional<v1::ObjectStatus> AskForObjects(DeviceClient& client) {
  absl::StatusOr<v1::ObjectStatus> objects = client.QueryObject(v1::ObjectRef());
  if (!objects.ok() || objects->store_quota_bytes() == 0) return std::nullopt;
  return *std::move(objects);
}

absl::Status ShowBoard(const BoardOptions& options) {
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  absl::StatusOr<std::vector<v1::JobStatus>> jobs = (*link)->client()->List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  const BoardState state = {.board = (*link)->board(),
                            .jobs = *std::move(jobs),
                            .objects = AskForObjects(*(*link)->client()),
                            .progress = ProgressShownTo((*link)->client()->role())};
  return options.json ? WriteStdout(JsonText(BoardJson(state))) : WritePaged(BoardText(state));
}

}  // namespace

void AddBoardCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<BoardOptions>();
  CLI::App* command =
      app.add_subcommand("board", "Describe a board: its rails, engines, limits and jobs");
  AddHostOption(*command, &options->host);
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return ShowBoard(*options); }; });
}

}  // namespace synergy
