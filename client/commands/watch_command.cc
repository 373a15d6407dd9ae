// `watch`: the live power of boards, on the terminal or as JSON lines.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "client/commands/board_watch.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/live_terminal.h"
#include "client/commands/output.h"
#include "client/commands/quantities.h"
#include "client/net/host_address.h"
#include "client/watch/watch_screen.h"

namespace synergy {
namespace {

struct WatchOptions {
  std::vector<std::string> hosts;
  double interval_s = 0;  // 0: as the form of it has by default
  bool once = false;
  bool json = false;
};

constexpr double kLiveInterval_s = 0.1, kLinesInterval_s = 1;

// Lines of all boards, until `stop`, or one of each.
class Lines {
 public:
  Lines(const WatchOptions& options, size_t boards)
      : once_(options.once), left_(boards), done_(boards) {}

  void Point(size_t board, const BoardState& state) {
    const std::lock_guard lock(mutex_);
    if (done_[board]) return;
    constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
    Note(WriteStdout(WatchJson(state).dump(-1, ' ', false, kReplace) + "\n"));
    if (once_) End(board);
  }
  void Lost(size_t board, const std::string& host, const absl::Status& why) {
    const std::lock_guard lock(mutex_);
    if (once_) {
      Note(why);
      End(board);
    } else if (ExitCodeOf(why) == ExitCode::kUsage) {
      Note(why);
    } else {
      PrintNote(fmt::format("{}: {}; looking for it", host, std::string(why.message())));
    }
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
  void Note(const absl::Status& status) {
    if (status_.ok()) status_ = status;
    if (!status.ok()) changed_.notify_all();
  }
  void End(size_t board) {
    if (!done_[board]) --left_;
    done_[board] = true;
    changed_.notify_all();
  }

  const bool once_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  size_t left_;
  std::vector<bool> done_;
  absl::Status status_;
};

absl::Status WriteLines(const WatchOptions& options, std::stop_token stop) {
  Lines lines(options, options.hosts.size());
  std::vector<std::unique_ptr<BoardWatch>> boards;
  for (size_t i = 0; i < options.hosts.size(); ++i) {
    BoardWatch::Options board;
    board.host = options.hosts[i];
    board.rate_hz = 1 / options.interval_s;
    board.energies = false;
    board.once = options.once;
    board.on_point = [&lines, i](const BoardState& state) { lines.Point(i, state); };
    board.on_lost = [&lines, i, host = options.hosts[i]](const absl::Status& why) {
      lines.Lost(i, host, why);
    };
    boards.push_back(std::make_unique<BoardWatch>(board));
  }
  return lines.Await(stop);
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

// A key, or '\0' once the next frame is due: at `next`, on a terminal of another size, or at the
// end.
char AwaitKey(LiveTerminal& terminal, const LiveTerminal::Size& size, MonotonicTime next,
              std::stop_token stop) {
  while (!stop.stop_requested() && !terminal.gone() && terminal.size() == size) {
    const MonotonicTime now = RealClock().Now();
    if (now >= next) break;
    const char key = terminal.AwaitKey(std::min(next, now + Milliseconds(100)));
    if (key != '\0') return key;
  }
  return '\0';
}

absl::Status ShowLive(const WatchOptions& options, std::stop_token stop) {
  const std::vector<std::unique_ptr<BoardWatch>> boards = WatchAll(options);
  const TerminalLook look = LookFrom([](const char* name) { return std::getenv(name); });
  LiveTerminal terminal(look);
  if (absl::Status opened = terminal.Open(); !opened.ok()) return opened;
  WatchView view;
  std::optional<BoardState> paused;
  MonotonicTime next = RealClock().Now();
  while (!stop.stop_requested() && !view.quit && !terminal.gone()) {
    const LiveTerminal::Size size = terminal.size();
    const WatchScreen screen{size.columns, size.rows, look, terminal.skipped(), boards.size()};
    size_t rails = 0;
    boards[view.device]->Read([&](const BoardState& state) {
      if (!view.paused) paused.reset();
      if (view.paused && (!paused || paused->host != state.host)) paused = state;
      const BoardState& shown = paused ? *paused : state;
      rails = shown.history.rails().size();
      terminal.Show(DrawWatch(shown, view, screen));
    });
    next = std::max(next + Seconds(options.interval_s), RealClock().Now());
    if (const char key = AwaitKey(terminal, size, next, stop); key != '\0') {
      PressKey(key, boards.size(), rails, &view);
      next = RealClock().Now();  // what a key changes is shown at once
    }
  }
  terminal.Restore();
  return stop.stop_requested() ? absl::CancelledError("watching was stopped") : absl::OkStatus();
}

bool IsLiveTerminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1 && term != nullptr &&
         *term != '\0' && std::string_view(term) != "dumb";
}

absl::Status Watch(WatchOptions options) {
  std::stop_source stop;
  const Interrupts interrupts([&stop](int nth) {
    stop.request_stop();
    if (nth > 1) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  });
  if (options.hosts.empty()) options.hosts.push_back(DefaultHost());
  const bool lines = options.json || options.once || !IsLiveTerminal();
  if (options.interval_s == 0) options.interval_s = lines ? kLinesInterval_s : kLiveInterval_s;
  return lines ? WriteLines(options, stop.get_token()) : ShowLive(options, stop.get_token());
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
