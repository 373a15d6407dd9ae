// synergyd: measures networks on this board. The root process; see docs and --help.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/nearest_name.h"
#include "common/protocol.h"
#include "common/unique_fd.h"
#include "daemon/access_commands.h"
#include "daemon/control/control_channel.h"
#include "daemon/daemon.h"
#include "daemon/lease_restorer.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

// Start, the telemetry ring and the eventfd travel with the listeners in one packet.
constexpr size_t kMaxListeners = kMaxControlFds - 2;

// All threads to come inherit the mask, so that sigwait alone takes these signals.
sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);  // the end of a terminal is no reason to stop measuring
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int Complain(const absl::Status& status) {
  spdlog::error("{}", std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kUsage : kFailed;
}

int Serve(DaemonOptions options, const sigset_t& signals) {
  // Readable while a signal waits to be taken.
  const UniqueFd stop(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  options.stop_fd = stop.get();
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(options);
  if (absl::IsCancelled(daemon.status())) {
    spdlog::info("stopped: {}", std::string(daemon.status().message()));
    return kOk;
  }
  if (!daemon.ok()) return Complain(daemon.status());
  std::vector<std::string> addresses;
  for (const auto& listener : (*daemon)->listeners()) addresses.push_back(listener->address());
  const v1::BoardInfo& board = (*daemon)->board();
  spdlog::info("board {}{}, engines: {}", board.name(), board.simulated() ? " (SIMULATED)" : "",
               fmt::join(board.engines(), ", "));
  spdlog::info("listening on {}", fmt::join(addresses, ", "));
  int number = 0;
  sigwait(&signals, &number);
  spdlog::info("stopping (SIG{})", sigabbrev_np(number));
  daemon->reset();
  spdlog::info("stopped");
  return kOk;
}

// What a user who is not root overlooks.
void PointToRoot(const DaemonOptions& options) {
  if (geteuid() == 0 || options.state_dir != DefaultStateDir()) return;
  fmt::print("this looked into {} only: what a synergyd of root has left, root can put back\n",
             options.state_dir);
}

// What it did goes to standard output. kOk: nothing is left that is not as it was.
int RestoreAndReport(const DaemonOptions& options, bool state_given) {
  std::error_code error;
  if (!std::filesystem::exists(options.state_dir, error)) {
    if (state_given) {
      return Complain(absl::NotFoundError(fmt::format(
          "There is no state folder {}: give the --state that the synergyd was started with",
          options.state_dir)));
    }
    fmt::print("nothing to restore: there is no {}\n", options.state_dir);
    PointToRoot(options);
    return kOk;
  }
  const absl::StatusOr<StateFolder> state = StateFolder::Open(options.state_dir);
  if (!state.ok()) return Complain(state.status());
  const RestoredLeases restored = RestoreLeases(state->path(), options.sysfs_root, KernelFiles());
  for (const std::string& line : restored.lines) fmt::print("{}\n", line);
  if (restored.lines.empty()) fmt::print("nothing to restore\n");
  PointToRoot(options);
  return restored.clean ? kOk : kFailed;
}

absl::Status ParseListen(const std::vector<std::string>& texts, DaemonOptions* options) {
  if (texts.size() > kMaxListeners) {
    return absl::InvalidArgumentError(
        fmt::format("--listen: {} addresses given, at most {}", texts.size(), kMaxListeners));
  }
  for (const std::string& text : texts) {
    absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return address.status();
    address->make_folder = text == DefaultListenAddress();
    options->listen.push_back(*std::move(address));
  }
  return absl::OkStatus();
}

absl::Status ParseSources(const std::vector<std::string>& texts, DaemonOptions* options) {
  constexpr std::string_view kExec = "exec:";
  for (const std::string& text : texts) {
    if (text == "i2c") {
      options->direct_i2c = true;
    } else if (text.starts_with(kExec) && text.size() > kExec.size()) {
      options->source_programs.push_back(text.substr(kExec.size()));
    } else {
      return absl::InvalidArgumentError(
          fmt::format("--source: \"{}\" is no source; give exec:COMMAND or i2c", text));
    }
  }
  if (!texts.empty() && options->board.starts_with(kSimulatedPrefix)) {
    return absl::InvalidArgumentError(
        "--source: a simulated board has no other sources; leave out --board or --source");
  }
  return absl::OkStatus();
}

absl::Status ParseFaults(const std::vector<std::string>& texts, DaemonOptions* options) {
  for (const std::string& text : texts) {
    absl::StatusOr<SimulatedFault> fault = ParseSimulatedFault(text);
    if (!fault.ok()) return fault.status();
    options->faults.push_back(*std::move(fault));
  }
  if (ShareOfShortOperators(options->faults) > 0) {
    return absl::InvalidArgumentError(
        "--fault short-operators: an engine's operators take what they take; only synergy-sim, "
        "whose durations are modelled, can make them short");
  }
  if (texts.empty() || options->board.starts_with(kSimulatedPrefix)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--fault: only simulated boards have faults on demand; give --board sim:..., too");
}

absl::Status ParseLimits(const std::vector<std::string>& texts, DaemonOptions* options) {
  for (const std::string& text : texts) {
    const absl::Status status = SetLimit(text, Named(options->limits));
    if (!status.ok()) {
      return absl::InvalidArgumentError(fmt::format("--limit: {}", std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

// "there is no flag '--bord'; did you mean '--board'?" for what CLI11 only calls not expected.
std::string UnknownText(const CLI::App& app) {
  const std::vector<std::string> unknown = app.remaining();
  const auto flag = std::find_if(unknown.begin(), unknown.end(),
                                 [](const std::string& text) { return text.starts_with('-'); });
  const std::string given = flag == unknown.end() ? unknown.front() : *flag;
  const std::string name = given.substr(0, given.find('='));
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& known : option->get_lnames()) flags.push_back("--" + known);
  }
  const std::string nearest = NearestName(name, flags);
  return fmt::format("there is no {} '{}'{} (synergyd --help tells what there is)",
                     flag == unknown.end() ? "argument" : "flag", name,
                     nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest));
}

void AddOptions(CLI::App& app, DaemonOptions* options, std::vector<std::string>* listen,
                std::vector<std::string>* sources, std::vector<std::string>* faults,
                std::vector<std::string>* limits, bool* restore) {
  app.set_version_flag("--version", "synergyd " SYNERGY_VERSION);
  app.add_option("--board", options->board,
                 "the board: auto (recognised; real sensors only), the id of a profile in "
                 "deploy/boards, or a simulated one: sim:jetson-tx1, sim:jetson-nano, "
                 "sim:jetson-agx-orin, sim:generic-x86-rapl, sim:snapdragon-820")
      ->capture_default_str();
  app.add_option(
         "--listen", *listen,
         fmt::format(
             "unix:PATH, or ADDRESS[:PORT] (port {}) for hosts that were paired, after `synergyd "
             "credentials`; repeatable. Default: {}",
             kDefaultPort, DefaultListenAddress()))
      ->allow_extra_args(false);
  app.add_option("--state", options->state_dir,
                 "folder of the queue and of runs that no host has yet")
      ->capture_default_str();
  app.add_option("--libexec", options->libexec_dir,
                 "folder of the engines, the launcher and the front")
      ->capture_default_str();
  app.add_option(
         "--object-quota", options->object_quota_bytes,
         "bytes (or 4G, 500M) that weights and inputs may take in the state folder, the least "
         "recently used make room; default: a quarter of its file system, at most 8 GiB")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Validator(
          [](const std::string& value) {
            return value == "0" ? std::string(
                                      "0 bytes hold no object; give 1 or more, or leave it "
                                      "out for the default")
                                : std::string();
          },
          ""));
  app.add_option("--records-quota", options->records_quota_bytes,
                 "bytes (or 4G, 500M) that the records of ended jobs may take in the state folder "
                 "until their owners have fetched them, the oldest make room; default: a quarter "
                 "of its file system")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::PositiveNumber);
  app.add_option("--sysfs-root", options->sysfs_root,
                 "where the kernel's attributes are, or a captured tree of them")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory);
  app.add_option("--source", *sources,
                 "a further power source: exec:COMMAND, a program that prints lines of "
                 "t_ns,rail,watts on this machine's monotonic clock; or i2c: take INA3221s from "
                 "their kernel driver while synergyd runs, and read them directly; repeatable")
      ->allow_extra_args(false);
  app.add_option("--fault", *faults,
                 "what is to go wrong on a simulated board: KIND[:RAIL|NUMBER][@SECONDS[-SECONDS]] "
                 "after the start, of stuck:RAIL, missing:RAIL, read-errors[:PROBABILITY], "
                 "slow-filter[:AVERAGES], throttle[:MHZ], delay[:MS], drift[:SHARE], "
                 "oscillator-drift[:SHARE], varying-power[:SHARE]; and, without seconds, "
                 "noise[:STEPS], gain[:SHARE], averages[:N], conversion[:US]; repeatable")
      ->allow_extra_args(false);
  app.add_option(
         "--limit", *limits,
         "how far something may be off in a run that is VALID: NAME=VALUE, of lost_ticks=1%, "
         "readings=10, windows=10, clock_away=1%, other_cpu=5%, gate_margin_c=5 (as they are "
         "without it; docs/verdict.md); repeatable. Runs say that it was moved")
      ->allow_extra_args(false);
  app.add_option("--watch-rate", options->watch_rate_hz,
                 "points of live power a second, 0 to 100, for clients of the role watch: what a "
                 "processor computes shows in its power")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_flag("--restore", *restore,
               "put back the clocks and settings that a synergyd which was killed has left "
               "changed, say what was done, and end: 0 where all is as it was, else 1");
}

int Main(int argc, char** argv) {
  const sigset_t signals = BlockSignals();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("synergyd"));
  DaemonOptions options;
  options.state_dir = DefaultStateDir();
  options.libexec_dir = DefaultLibexecDir();
  std::vector<std::string> listen, sources, faults, limits;
  CLI::App app("synergyd owns this board's power sensors and runs and measures networks on it.");
  bool restore = false;
  AddOptions(app, &options, &listen, &sources, &faults, &limits, &restore);
  std::function<absl::Status()> command;
  AddAccessCommands(app, &options.state_dir, &command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return Complain(absl::InvalidArgumentError(UnknownText(app)));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  if (options.state_dir.empty()) {
    return Complain(absl::InvalidArgumentError(
        "Neither XDG_STATE_HOME nor HOME is set, so there is no default state folder: give --state "
        "DIR"));
  }
  if (command) {
    const absl::Status status = command();
    return status.ok() ? kOk : Complain(status);
  }
  if (restore) return RestoreAndReport(options, app.count("--state") > 0);
  if (listen.empty()) {
    listen.push_back(DefaultListenAddress());
    if (listen.front().empty()) {
      return Complain(absl::InvalidArgumentError(
          "XDG_RUNTIME_DIR is not set, so there is no default address to listen on: give --listen "
          "unix:PATH"));
    }
  }
  if (absl::Status status = ParseListen(listen, &options); !status.ok()) return Complain(status);
  if (absl::Status status = ParseSources(sources, &options); !status.ok()) return Complain(status);
  if (absl::Status status = ParseFaults(faults, &options); !status.ok()) return Complain(status);
  if (absl::Status status = ParseLimits(limits, &options); !status.ok()) return Complain(status);
  return Serve(std::move(options), signals);
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }
