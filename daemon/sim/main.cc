// synergy-sim: plays runs on simulated boards in virtual time; see docs/simulated-boards.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "client/models/find_operator.h"
#include "client/models/zoo.h"
#include "common/frequency.h"
#include "common/printable.h"
#include "daemon/sim/virtual_run.h"

namespace synergy::sim {
namespace {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

struct Flags {
  std::string net;
  std::string cpu_freq;
  std::string noise;
  std::string loop;
  std::vector<std::string> faults;
  std::string spool;
  uint32_t batch = 1;
  VirtualRunOptions run;
};

int Complain(const absl::Status& status) {
  fmt::print(stderr, "synergy-sim: {}\n", std::string(status.message()));
  const bool usage =
      absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsAlreadyExists(status);
  return usage ? kUsage : kFailed;
}

// CLI11's own range lets "nan" through.
CLI::Validator NumberFrom(double lowest, double highest) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        if (whole && value >= lowest && value <= highest) return std::string();
        return fmt::format("{} is no number from {:g} to {:g}", Printable(text, 64), lowest,
                           highest);
      },
      fmt::format("{:g} TO {:g}", lowest, highest));
}

void AddFlags(CLI::App& app, Flags* flags) {
  VirtualRunOptions& run = flags->run;
  app.add_option("--board", run.board, "A simulated board: sim:jetson-tx1, ...")->required();
  app.add_option("--net", flags->net, "A network of the zoo")->required();
  app.add_option("-o,--output", flags->spool,
                 "File for the run's records; the truth goes to the same name with .truth")
      ->required();
  app.add_option("--iterations", run.iterations, "Measured iterations")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000'000));
  app.add_option("--warmup", run.warmup, "Iterations before them")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--threads", run.threads, "Threads of the modelled engine")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--batch", flags->batch, "Images an inference")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  app.add_option("--seed", run.seed, "Of the board, the durations and the sensors' noise")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--rate", run.rate_hz, "Readings a second; the board's default if not given");
  app.add_option("--idle", run.idle_s, "Seconds of idle before and after the iterations")
      ->capture_default_str()
      ->check(NumberFrom(0, 86400));
  CLI::Option* const loop = app.add_option(
      "--loop", flags->loop, "Behind the iterations repeat this operator, by its name or index");
  app.add_option("--loop-time", run.loop_s, "Seconds for which it is repeated, at least")
      ->capture_default_str()
      ->needs(loop)
      ->check(NumberFrom(0.001, 3600));
  app.add_option("--cpu-freq", flags->cpu_freq,
                 "Clock of the CPU: 1224MHz, min or max, which it is if not given");
  app.add_option("--energy-scale", run.energy_scale,
                 "Factor on the dynamic power of all operators: a regression to be found")
      ->capture_default_str()
      ->check(NumberFrom(0, 100));
  app.add_option("--pause", run.longest_pause_s,
                 "Each measured iteration begins after a pause of up to so many seconds, so that "
                 "the sensor's cycle meets it elsewhere")
      ->capture_default_str()
      ->check(NumberFrom(0, 10));
  app.add_option("--jitter", run.jitter, "Of the operators' durations, relative")
      ->capture_default_str()
      ->check(NumberFrom(0, 1));
  app.add_option("--events", run.events,
                 "Count these of each operator, as modelled: simd, bus, llc-miss, cycles")
      ->delimiter(',')
      ->type_name("EVENT,...");
  app.add_option("--noise", flags->noise,
                 "Noise of each of the sensor's conversions, in steps: --fault noise:STEPS");
  app.add_option("--fault", flags->faults,
                 "What is to go wrong, or to be otherwise, as for synergyd: KIND[:RAIL|NUMBER]"
                 "[@SECONDS[-SECONDS]]; repeatable")
      ->allow_extra_args(false);
}

absl::Status Play(Flags flags) {
  if (flags.cpu_freq == "min") {
    flags.run.slowest = true;
  } else if (!flags.cpu_freq.empty() && flags.cpu_freq != "max") {
    const absl::StatusOr<Frequency> hz = ParseFrequency(flags.cpu_freq);
    if (!hz.ok()) return hz.status();
    flags.run.cpu_khz = hz->khz;
  }
  if (!flags.noise.empty()) flags.faults.push_back("noise:" + flags.noise);
  for (const std::string& text : flags.faults) {
    absl::StatusOr<SimulatedFault> fault = ParseSimulatedFault(text);
    if (!fault.ok()) return fault.status();
    flags.run.faults.push_back(*std::move(fault));
  }
  const absl::StatusOr<const ZooEntry*> entry = FindModel(flags.net);
  if (!entry.ok()) return entry.status();
  const absl::StatusOr<Model> model = (*entry)->build(flags.batch, flags.run.seed);
  if (!model.ok()) return model.status();
  if (!flags.loop.empty()) {
    const absl::StatusOr<uint32_t> op = FindOperator(*model, flags.loop);
    if (!op.ok()) {
      return absl::Status(op.status().code(),
                          fmt::format("--loop {}", std::string(op.status().message())));
    }
    flags.run.looped = *op;
  }
  const absl::StatusOr<VirtualRun> run =
      PlayVirtualRun(flags.run, *model, flags.batch, flags.spool);
  if (!run.ok()) return run.status();
  fmt::print("SIMULATED {} in virtual time: {:.3f} s, {} markers, {}; records in {}\n",
             flags.run.board, run->virtual_s, run->end.markers(),
             v1::Verdict_Name(run->end.verdict()).substr(sizeof("VERDICT_") - 1), flags.spool);
  for (const std::string& reason : run->end.reasons()) fmt::print("  {}\n", reason);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Plays a run on a simulated board in virtual time: the board's model, its sensors, the "
      "daemon's sampling and recording, and an engine whose operators take modelled times.",
      "synergy-sim");
  app.set_version_flag("--version", "synergy-sim " SYNERGY_VERSION);
  app.footer(
      "The records are what a device keeps of a run, the truth is a serialized "
      "synergy.v1.RunTruth. Exit codes: 0 ok, 1 failed, 2 bad input.");
  Flags flags;
  AddFlags(app, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kUsage;
  }
  const absl::Status played = Play(std::move(flags));
  return played.ok() ? kOk : Complain(played);
}

}  // namespace
}  // namespace synergy::sim

int main(int argc, char** argv) { return synergy::sim::Main(argc, argv); }
