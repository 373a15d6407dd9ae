#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"
#include "client/commands/commands.h"

namespace synergy {

CLI::Validator NotNegative() {
  // CLI11's own one names the largest double in its error, and its conversions take "nan" as a
  // number and -1 as the largest unsigned one.
  return CLI::Validator(
      [](std::string& value) {
        char* end = nullptr;
        const double number = std::strtod(value.c_str(), &end);
        if (value.empty() || *end != '\0') return fmt::format("'{}' is no number", value);
        if (!std::isfinite(number)) return fmt::format("{} is no finite number", value);
        return std::signbit(number) ? fmt::format("{} is below 0", value) : std::string();
      },
      "0 OR MORE");
}

void AddStoreOption(CLI::App& command, std::string* store) {
  command
      .add_option("--store", *store,
                  "The store's file (default: synergy/synergy.db in XDG_DATA_HOME)")
      ->type_name("FILE");
}

void AddHostOption(CLI::App& command, std::string* host) {
  command
      .add_option(
          "--host", *host,
          "The board's daemon: unix:PATH or NAME[:PORT] (default: SYNERGY_HOST, else the daemon "
          "of this machine)")
      ->type_name("HOST");
}

void AddJsonFlag(CLI::App& command, bool* json) {
  command.add_flag("--json", *json, "A JSON document instead of text");
}

void AddMethodOption(CLI::App& command, std::string* method) {
  command
      .add_option("--method", *method,
                  "How energy is attributed: least-squares (sensor-aware, with error bars) or "
                  "integrate (power between markers, as the literature does)")
      ->check(CLI::IsMember({std::string(kMethodLeastSquares), std::string(kMethodIntegrate)}))
      ->capture_default_str();
}

void AddLimitOption(CLI::App& command, RecordLimits* limits) {
  command
      .add_option_function<std::vector<std::string>>(
          "--limit",
          [limits](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const absl::Status status = SetLimit(text, Named(*limits));
              if (!status.ok()) {
                throw CLI::ValidationError("--limit", std::string(status.message()));
              }
            }
          },
          "How far something may be off in a VALID run: overlap=1% or idle_shift=5% (as they are "
          "without it); repeatable. What the board judges is moved there (synergyd --limit)")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddSortOption(CLI::App& command, std::string* sort) {
  command
      .add_option("--sort", *sort, "Order of the operators: index (as executed), time or energy")
      ->check(CLI::IsMember({"index", "time", "energy"}))
      ->capture_default_str();
}

}  // namespace synergy
