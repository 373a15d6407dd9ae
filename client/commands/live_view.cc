#include "client/commands/live_view.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "client/commands/live_terminal.h"
#include "client/commands/output.h"
#include "client/watch/watch_screen.h"

namespace synergy {
namespace {

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

// What is shown of boards, which may be paused.
class Screens {
 public:
  Screens(const std::vector<std::unique_ptr<BoardWatch>>& boards, TerminalLook look)
      : boards_(boards), look_(look), paused_(boards.size()) {}

  Canvas Draw(const LiveTerminal::Size& size, uint64_t skipped, const WatchView& view) {
    if (!view.paused) paused_.assign(boards_.size(), std::nullopt);
    Canvas canvas(size.columns, size.rows);
    const WatchScreen screen{look_, skipped, boards_.size()};
    const std::vector<Pane> panes = LayOut(size.columns, size.rows, boards_.size(), view.device);
    for (const Pane& pane : panes) {
      boards_[pane.device]->Read([&](const BoardState& state) {
        std::optional<BoardState>& paused = paused_[pane.device];
        if (view.paused && !paused) paused = state;
        if (paused) paused->lost = state.lost;  // that is said at once
        const BoardState& shown = paused ? *paused : state;
        ShownBoard* const chosen = pane.device == view.device ? &shown_ : nullptr;
        canvas.Place(pane.column, pane.row, DrawPane(shown, view, screen, pane, chosen));
      });
      for (size_t y = 0; pane.column > 0 && y < pane.rows; ++y) {
        const char32_t line = look_.utf8 ? U'\u2502' : U'|';
        canvas.Set(pane.column - 1, pane.row + y, {line, Ink::kDim});
      }
    }
    DrawKeys(&canvas);
    return canvas;
  }
  const ShownBoard& shown() const { return shown_; }  // as it was drawn last

 private:
  const std::vector<std::unique_ptr<BoardWatch>>& boards_;
  const TerminalLook look_;
  std::vector<std::optional<BoardState>> paused_;
  ShownBoard shown_;
};

// Why there is nothing left to watch: no board knows this client any more. OK: there is.
absl::Status RefusedByAll(const std::vector<std::unique_ptr<BoardWatch>>& boards) {
  absl::Status refused;
  bool all = true;
  for (const std::unique_ptr<BoardWatch>& board : boards) {
    board->Read([&](const BoardState& state) {
      all = all && !state.refused.ok();
      if (refused.ok()) refused = state.refused;
    });
  }
  return all ? refused : absl::OkStatus();
}

}  // namespace

bool IsLiveTerminal() { return StdoutIsTerminal() && isatty(STDIN_FILENO) == 1; }

absl::Status ShowLive(const std::vector<std::unique_ptr<BoardWatch>>& boards, double interval_s,
                      std::stop_token stop) {
  const TerminalLook look = LookFrom([](const char* name) { return std::getenv(name); });
  LiveTerminal terminal(look);
  if (absl::Status opened = terminal.Open(); !opened.ok()) return opened;
  WatchView view;
  Screens screens(boards, look);
  MonotonicTime next = RealClock().Now();
  absl::Status refused;
  while (!stop.stop_requested() && !view.quit && !terminal.gone() && refused.ok()) {
    const LiveTerminal::Size size = terminal.size();
    terminal.Show(screens.Draw(size, terminal.skipped(), view));
    next = std::max(next + Seconds(interval_s), RealClock().Now());
    if (const char key = AwaitKey(terminal, size, next, stop); key != '\0') {
      PressKey(key, boards.size(), screens.shown(), &view);
      next = RealClock().Now();  // what a key changes is shown at once
    }
    refused = RefusedByAll(boards);
  }
  terminal.Restore();
  if (!refused.ok()) return refused;
  return stop.stop_requested() ? absl::CancelledError("watching was stopped") : absl::OkStatus();
}

}  // namespace synergy
