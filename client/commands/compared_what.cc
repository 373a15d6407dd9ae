#include "client/commands/compared_runs.h"
#include "client/commands/quantities.h"

namespace synergy {

Metric MetricOf(const std::string& name) {
  if (name == "time") return Metric::kTime;
  return name == "edp" ? Metric::kEdp : Metric::kEnergy;
}

void AddShareOption(CLI::App& command, const std::string& flag, double* share,
                    const std::string& help, absl::StatusOr<double> (*parse)(const std::string&)) {
  command
      .add_option_function<std::string>(
          flag,
          [share, flag, parse](const std::string& text) {
            const absl::StatusOr<double> parsed = parse(text);
            if (!parsed.ok()) {
              throw CLI::ValidationError(flag, std::string(parsed.status().message()));
            }
            *share = *parsed;
          },
          help)
      ->type_name("SHARE");
}

void AddComparedOptions(CLI::App& command, ComparedWhat* what) {
  command
      .add_option_function<std::string>(
          "--metric", [what](const std::string& name) { what->metric = MetricOf(name); },
          "energy of an inference (the default), its time, or edp: energy times time")
      ->check(CLI::IsMember({"energy", "time", "edp"}));
  command.add_option("--rail", what->rail, "This rail alone")->type_name("RAIL");
  AddShareOption(command, "--between-run", &what->between_run,
                 "How much runs differ from each other (standard deviation), where no side has two "
                 "and the store has no others like the baseline (default: 1%)");
}

}  // namespace synergy
