#include "client/commands/result_options.h"

#include "client/commands/commands.h"

namespace synergy {

void AddJudgingOptions(CLI::App& command, ResultOptions* options) {
  AddMethodOption(command, &options->method);
  AddLimitOption(command, &options->limits);
  command.add_flag("--require-valid", options->require_valid,
                   "End with 1 where a run's verdict is not VALID, not only where it is INVALID");
  command.add_flag("--watch", options->watch,
                   "Show what synergyctl watch shows while it measures, on a terminal; q goes back "
                   "to the line of progress");
  AddSortOption(command, &options->sort);
}

void AddBesideOptions(CLI::App& command, ResultOptions* options) {
  command
      .add_option("--outputs", options->outputs,
                  "Write what the network computed; of several outputs each to NAME.BLOB.npy")
      ->type_name("NAME.npy");
  command
      .add_option("--meter", options->meter,
                  "A meter on this host beside the board's sensors: a program that prints a line "
                  "t_ns,rail,watts for each reading, stamped by its own clock")
      ->type_name("exec:COMMAND");
}

bool IsGood(v1::Verdict verdict, bool require_valid) {
  return verdict == v1::VERDICT_VALID || (verdict == v1::VERDICT_SUSPECT && !require_valid);
}

}  // namespace synergy
