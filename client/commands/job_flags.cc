#include "client/commands/job_flags.h"

#include <fmt/format.h>

#include <string>

#include "client/commands/clock_options.h"
#include "client/commands/commands.h"
#include "client/commands/pause_choice.h"
#include "client/commands/quantities.h"
#include "common/spec_validation.h"

namespace synergy {
namespace {

// The first inference allocates memory and tells the operators' shapes: it is never measured.
CLI::Validator AtLeastOneWarmup() {
  return CLI::Validator(
      [](std::string& value) {
        return std::string(value == "0" ? "0 is too few, at least 1 is needed: the first inference "
                                          "allocates memory and finds the shapes"
                                        : "");
      },
      "");
}

// "90", "90s", "10min": the number of seconds. What is below 0 is left to NotNegative.
CLI::Validator InSeconds() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        if (text.starts_with('-')) return "";
        const absl::StatusOr<double> seconds = ParseDuration(text);
        if (!seconds.ok()) return std::string(seconds.status().message());
        text = fmt::format("{}", *seconds);
        return "";
      },
      "");
}

void AddMeasuringFlags(CLI::App& command, JobOptions& options) {
  command.add_option("--engine", options.engine, "Engine on the board that runs it")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--iterations", options.iterations, "Measured inferences")
      ->check(CLI::Range(1u, 10'000'000u))
      ->capture_default_str();
  command.add_option("--warmup", options.warmup, "Inferences before them, not measured")
      ->check(AtLeastOneWarmup())
      ->check(CLI::Range(1u, 10'000'000u))
      ->capture_default_str();
  command
      .add_option("--threads", options.threads,
                  "Threads within an operator (net type simple), or "
                  "operators that run at the same time (async_scheduling)")
      ->check(CLI::Range(1u, 65'535u))
      ->capture_default_str();
  command
      .add_option("--rate", options.rate_hz, "Readings a second of each sensor (0: the board's)")
      ->type_name("HZ")
      ->check(NotNegative())
      ->capture_default_str();
  command
      .add_option("--idle", options.idle_s,
                  "Record the board without the job for this long, before it and after it")
      ->type_name("TIME")
      ->transform(InSeconds())
      ->check(NotNegative())
      ->capture_default_str();
  command
      .add_option_function<std::string>(
          "--pause",
          [&options](const std::string& text) { options.longest_pause_s = *ParsePause(text); },
          "Rest before each measured inference, for a time drawn from the seed, up to this: so "
          "that "
          "the sensors' cycles meet each inference elsewhere (auto: as long as their slowest "
          "cycle of at most 10 ms; 0: no rests)")
      ->type_name("TIME")
      ->check(CLI::Validator(
          [](std::string& text) { return std::string(ParsePause(text).status().message()); }, ""))
      ->default_str("auto");
  command
      .add_option("--time-limit", options.time_limit_s,
                  "The job fails after this long (0: the daemon's limit, 3600 s by default)")
      ->type_name("TIME")
      ->transform(InSeconds())
      ->check(NotNegative())
      ->capture_default_str();
}

// "45C", "45".
CLI::Validator Celsius() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (value.ends_with('C') || value.ends_with('c')) value.pop_back();
        return "";
      },
      "");
}

void AddCoolingFlags(CLI::App& command, JobOptions& options) {
  CLI::Option* const below =
      command
          .add_option("--cool-below", options.cool_below_c,
                      "Wait first until the board is below this: the thermal zones of its profile, "
                      "or all where that names none")
          ->type_name("45C")
          ->transform(Celsius())
          ->check(NotNegative());
  command
      .add_option("--cool-timeout", options.cool_timeout_s,
                  "The job fails when it has waited so long for that (0: 600 s)")
      ->needs(below)
      ->type_name("TIME")
      ->transform(InSeconds())
      ->check(NotNegative());
}

}  // namespace

void AddJobFlags(CLI::App& command, JobOptions& options) {
  AddMeasuringFlags(command, options);
  command
      .add_option("--priority", options.priority,
                  "Of the jobs that wait on the board the highest run first (above 0: for admins)")
      ->check(CLI::Range(-kMaxPriority, kMaxPriority))
      ->capture_default_str();
  AddCoolingFlags(command, options);
  AddClockOptions(command, kJobClockFlags, &options.clocks);
}

}  // namespace synergy
