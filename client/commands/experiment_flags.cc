#include "client/commands/experiment_flags.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/commands/exit_code.h"
#include "client/commands/quantities.h"
#include "client/models/find_operator.h"
#include "common/precision_request.h"
#include "common/records/resolution.h"

namespace synergy {
namespace {

constexpr double kShortestLoopS = 2;
constexpr double kLongestChosenLoopS = 60;
constexpr double kLoopWindows = 20;

template <typename T>
CLI::Validator Parses(absl::StatusOr<T> (*parse)(const std::string&)) {
  return CLI::Validator(
      [parse](std::string& text) { return std::string(parse(text).status().message()); }, "");
}

absl::StatusOr<double> ParsePrecision(const std::string& text) {
  const absl::StatusOr<double> share = ParseShare(text);
  if (!share.ok() || (*share >= kFinestPrecision && *share <= kCoarsestPrecision)) return share;
  return absl::InvalidArgumentError(fmt::format("{}: {:g}% to {:g}% can be asked for", text,
                                                100 * kFinestPrecision, 100 * kCoarsestPrecision));
}

absl::StatusOr<double> ParsePositive(const std::string& text) {
  absl::StatusOr<double> time = ParseDuration(text);
  if (time.ok() && *time == 0) return absl::InvalidArgumentError("0 is no time: leave it out");
  return time;
}

void AddLoopFlags(CLI::App& command, JobOptions& options) {
  CLI::Option* const loop =
      command
          .add_option("--loop", options.loop,
                      "Then repeat one operator back to back, named or by its index: what it "
                      "costs there stands beside what the network's iterations gave it")
          ->type_name("OPERATOR");
  command
      .add_option_function<std::string>(
          "--loop-time",
          [&options](const std::string& text) { options.loop_s = *ParsePositive(text); },
          "For at least this long (2 s, and 20 windows of the slowest sensor, without it)")
      ->needs(loop)
      ->type_name("TIME")
      ->check(Parses(ParsePositive));
}

void AddEventFlags(CLI::App& command, JobOptions& options) {
  CLI::Option* const events =
      command
          .add_option("--events", options.events,
                      "Count these events of the CPU in each operator: cycles, instructions, simd, "
                      "bus, mem, llc-miss, ..., what the kernel names, or raw codes (r74); more "
                      "than it has counters for are counted by turns")
          ->delimiter(',')
          ->type_name("EVENT,...")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_flag("--events-optional", options.events_optional,
                "Measure without them where they cannot be counted, rather than refuse")
      ->needs(events);
}

}  // namespace

void AddExperimentFlags(CLI::App& command, JobOptions& options) {
  CLI::Option* const precision =
      command
          .add_option_function<std::string>(
              "--precision",
              [&options](const std::string& text) { options.precision = *ParsePrecision(text); },
              "Go on beyond --iterations until the 95 % interval of every operator that makes up "
              "at least 1 % of the energy is at most this share of its energy to either side; the "
              "board decides")
          ->type_name("2%")
          ->check(Parses(ParsePrecision));
  command
      .add_option_function<std::string>(
          "--max-time",
          [&options](const std::string& text) { options.max_time_s = *ParsePositive(text); },
          "With --precision: end after this long, as precise as it is by then (10min without it)")
      ->needs(precision)
      ->type_name("TIME")
      ->check(Parses(ParsePositive));
  command
      .add_option("--precision-rail", options.precision_rails,
                  "With --precision: the rail that counts; repeatable (without it the board's "
                  "first one that is part of no other)")
      ->needs(precision)
      ->type_name("RAIL")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  AddLoopFlags(command, options);
  AddEventFlags(command, options);
}

absl::StatusOr<uint32_t> LoopedOperator(const Model& model, const std::string& text) {
  const absl::StatusOr<uint32_t> op = FindOperator(model, text);
  if (op.ok()) return op;
  return Ending(ExitCode::kUsage,
                absl::Status(op.status().code(),
                             fmt::format("--loop {}", std::string(op.status().message()))));
}

double LoopTimeFor(const v1::BoardInfo& board) {
  double seconds = kShortestLoopS;
  for (const v1::SourceInfo& source : board.sources()) {
    for (const v1::ChannelInfo& channel : source.channels()) {
      const double window_s = WindowLength(channel.window()).value_or(0);
      seconds = std::max(seconds, kLoopWindows * window_s);
    }
  }
  return std::min(seconds, kLongestChosenLoopS);
}

}  // namespace synergy
