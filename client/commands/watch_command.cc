// `watch`: the live power of boards, on the terminal or as JSON lines.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "client/commands/board_watch.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/live_view.h"
#include "client/commands/output.h"
#include "client/commands/quantities.h"
#include "client/net/host_address.h"
#include "client/watch/watch_json.h"

namespace synergy {
namespace {

struct WatchOptions {
  std::vector<std::string> hosts;
  double interval_s = 0;  // 0: as the form of it has by default
  bool once = false;
  bool json = false;
};

constexpr double kLinesInterval_s = 1;

// The board is there and says no: looking for it again changes nothing.
bool IsFinal(const absl::Status& why) {
  return absl::IsPermissionDenied(why) || absl::IsUnauthenticated(why) ||
         absl::IsFailedPrecondition(why);
}

// Lines of all boards, until `stop`, or one of each.
class Lines {
 public:
  Lines(const WatchOptions& options, size_t boards)
      : once_(options.once), left_(boards), done_(boards), capped_hz_(boards), told_(boards) {}

  void Point(size_t board, const BoardState& state) {
    std::string note, line;
    {
      const std::lock_guard lock(mutex_);
      if (done_[board] || left_ == 0) return;
      if (std::exchange(capped_hz_[board], state.capped_hz) != state.capped_hz) {
        note = fmt::format("{}: this client's role may watch at {:g} Hz at most, and so it does",
                           state.host, state.capped_hz);
      }
      constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
      const auto solved = std::pair(state.run.run_id, state.run.solutions);
      const bool is_new = std::exchange(told_[board], solved) != solved;
      line = WatchJson(state, is_new).dump(-1, ' ', false, kReplace) + "\n";
    }
    const absl::Status written = Write(note, line);
    const std::lock_guard lock(mutex_);
    Note(written);
    if (once_) End(board);
    if (!StdoutIsRead()) {
      left_ = 0;
      changed_.notify_all();
    }
  }
  void Lost(size_t board, const std::string& host, const absl::Status& why) {
    const bool ends = once_ || ExitCodeOf(why) == ExitCode::kUsage || IsFinal(why);
    if (!ends) {
      PrintNote(fmt::format("{}: {}; looking for it", host, std::string(why.message())));
      return;
    }
    const std::lock_guard lock(mutex_);
    Note(why);
    if (once_) End(board);
    changed_.notify_all();
  }
  // The first error, or OK once there is nothing to wait for.
  absl::Status Await(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return left_ == 0 || (!once_ && !status_.ok()); });
    if (!status_.ok()) return status_;
    return left_ == 0 ? absl::OkStatus() : absl::CancelledError("watching was stopped");
  }

 private:
  // Apart from mutex_: a terminal that was stopped keeps nobody else waiting.
  absl::Status Write(const std::string& note, const std::string& line) {
    const std::lock_guard lock(writing_);
    if (!note.empty()) PrintNote(note);
    return WriteStdout(line);
  }
  void Note(const absl::Status& status) {
    if (status_.ok()) status_ = status;
    if (!status.ok()) changed_.notify_all();
  }
  void End(size_t board) {
    if (!done_[board] && left_ > 0) --left_;
    done_[board] = true;
    changed_.notify_all();
  }

  const bool once_;
  std::mutex writing_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  size_t left_;
  std::vector<bool> done_;
  std::vector<double> capped_hz_;                       // that was told
  std::vector<std::pair<std::string, uint64_t>> told_;  // the run and which of its solutions
  absl::Status status_;
};

// Within a while: its terminal has not been stopped (Ctrl-S).
bool StderrTakesText() {
  constexpr int kPatience_ms = 200;
  pollfd end = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&end, 1, kPatience_ms) > 0;
}

// Energies that are being solved, or a board that does not answer, would hold it up for seconds.
[[noreturn]] void LeaveAtOnce(const absl::Status& status) {
  if (!status.ok() && StderrTakesText()) PrintError(status);
  std::_Exit(static_cast<int>(ExitCodeOf(status)));
}

absl::Status WriteLines(const WatchOptions& options, std::stop_token stop) {
  Lines lines(options, options.hosts.size());
  std::vector<std::unique_ptr<BoardWatch>> boards;
  for (size_t i = 0; i < options.hosts.size(); ++i) {
    BoardWatch::Options board;
    board.host = options.hosts[i];
    board.rate_hz = 1 / options.interval_s;
    if (options.once) board.records = BoardWatch::Options::Records::kNone;
    board.once = options.once;
    board.on_point = [&lines, i](const BoardState& state) { lines.Point(i, state); };
    board.on_lost = [&lines, i, host = options.hosts[i]](const absl::Status& why) {
      lines.Lost(i, host, why);
    };
    boards.push_back(std::make_unique<BoardWatch>(board));
  }
  const absl::Status ended = lines.Await(stop);
  if (!options.once) LeaveAtOnce(ended);
  return ended;
}

std::vector<std::unique_ptr<BoardWatch>> WatchAll(const WatchOptions& options) {
  std::vector<std::unique_ptr<BoardWatch>> boards;
  for (const std::string& host : options.hosts) {
    BoardWatch::Options board;
    board.host = host;
    board.rate_hz = 1 / options.interval_s;
    boards.push_back(std::make_unique<BoardWatch>(board));
  }
  return boards;
}

absl::Status ShowBoards(const WatchOptions& options, std::stop_token stop) {
  const std::vector<std::unique_ptr<BoardWatch>> boards = WatchAll(options);
  const absl::Status shown = ShowLive(boards, options.interval_s, stop);
  if (!shown.ok() && !absl::IsCancelled(shown)) return shown;
  LeaveAtOnce(shown);
}

absl::Status Watch(WatchOptions options) {
  std::stop_source stop;
  const auto on_signal = [&stop](int nth) {
    stop.request_stop();
    if (nth > 1) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  };
  struct sigaction hang_up = {};
  sigaction(SIGHUP, nullptr, &hang_up);
  const bool no_hang_up = hang_up.sa_handler == SIG_IGN;  // nohup(1)
  const Interrupts interrupts(on_signal, {SIGINT, SIGTERM, SIGQUIT, no_hang_up ? SIGTERM : SIGHUP});
  if (options.hosts.empty()) options.hosts.push_back(DefaultHost());
  const bool lines = options.json || options.once || !IsLiveTerminal();
  if (lines && !options.json && !options.once && ::isatty(STDOUT_FILENO) == 1 &&
      !StdoutIsTerminal()) {
    PrintNote("this terminal has no screen that can be drawn on (TERM): a JSON line an interval");
  }
  if (options.interval_s == 0) options.interval_s = lines ? kLinesInterval_s : kLiveInterval_s;
  return lines ? WriteLines(options, stop.get_token()) : ShowBoards(options, stop.get_token());
}

}  // namespace

void AddWatchCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<WatchOptions>();
  CLI::App* command = app.add_subcommand(
      "watch", "Live power of boards in the terminal; a JSON line per interval where it is none");
  command
      ->add_option("--host", options->hosts,
                   "The board's daemon, as elsewhere; again for each further board")
      ->type_name("HOST");
  command
      ->add_option_function<std::string>(
          "--interval",
          [options](const std::string& text) { options->interval_s = *ParseDuration(text); },
          "Between two frames (default: 100ms), or two lines (default: 1s); 10ms at least")
      ->type_name("100ms")
      ->check(CLI::Validator(
          [](std::string& text) {
            const absl::StatusOr<double> time = ParseDuration(text);
            if (!time.ok()) return std::string(time.status().message());
            return std::string(*time >= 0.01 && *time <= 3600 ? "" : "10ms to 1h are possible");
          },
          ""));
  command->add_flag("--once", options->once, "One JSON line of each board, and end");
  command->add_flag("--json", options->json, "JSON lines also on a terminal");
  command->callback([options, chosen] { *chosen = [options] { return Watch(*options); }; });
}

}  // namespace synergy
