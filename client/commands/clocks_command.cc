#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "client/analysis/clock_json.h"
#include "client/analysis/report_json.h"
#include "client/commands/board_link.h"
#include "client/commands/clock_options.h"
#include "client/commands/clock_pin.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/usage_text.h"
#include "client/report/clock_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

struct ClocksOptions {
  std::string host;
  bool json = false;
};

absl::Status ShowClocks(const ClocksOptions& options) {
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  const absl::StatusOr<v1::ClockState> state = (*link)->client()->Clocks();
  if (!state.ok()) return FromDevice(state.status());
  if (options.json) return WriteStdout(JsonText(ClockStateJson(*state)));
  return WritePaged(
      fmt::format("{}: clocks\n{}", Printable((*link)->board().title()), ClockText(*state)));
}

void AddPinCommand(CLI::App& clocks, std::shared_ptr<const ClocksOptions> shared,
                   ChosenCommand* chosen) {
  auto options = std::make_shared<PinOptions>();
  CLI::App* command = clocks.add_subcommand(
      "pin",
      "Hold clocks while a command runs; they are put back when it ends, or when this synergyctl "
      "or its connection is gone. Ends as the command does");
  AddClockOptions(*command, ClockFlags(), &options->clocks);
  AddHostOption(*command, &options->host);
  command
      ->add_option("--limit", options->limit_s,
                   "The longest that they are held (0: a day), whatever becomes of the command")
      ->type_name("SECONDS")
      ->check(NotNegative())
      ->capture_default_str();
  command->add_option("COMMAND", options->command, "Behind --: the command and its arguments")
      ->type_name(kAnyWords)
      ->expected(1, 65'536);
  command->callback([options, shared, chosen] {
    if (options->host.empty()) options->host = shared->host;
    *chosen = [options] { return PinClocks(*options); };
  });
}

}  // namespace

void AddClocksCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<ClocksOptions>();
  CLI::App* command = app.add_subcommand(
      "clocks", "Show a board's clocks: tables, limits, present values, who holds them");
  AddHostOption(*command, &options->host);
  AddJsonFlag(*command, &options->json);
  AddPinCommand(*command, options, chosen);
  command->callback([options, command, chosen] {
    if (command->get_subcommands().empty()) *chosen = [options] { return ShowClocks(*options); };
  });
}

}  // namespace synergy
