#include "client/commands/live_run.h"

#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/live_view.h"

namespace synergy {

LiveRun::LiveRun(const std::string& host, std::string run_id, std::stop_token interrupt)
    : run_id_(std::move(run_id)) {
  BoardWatch::Options options;
  options.host = host;
  options.rate_hz = 1 / kLiveInterval_s;
  options.records = BoardWatch::Options::Records::kGiven;
  boards_.push_back(std::make_unique<BoardWatch>(std::move(options)));
  view_ = std::jthread([this, interrupt](const std::stop_token& end) {
    std::stop_source stop;
    const std::stop_callback at_end(end, [&stop] { stop.request_stop(); });
    const std::stop_callback at_interrupt(interrupt, [&stop] { stop.request_stop(); });
    const absl::Status shown = ShowLive(boards_, kLiveInterval_s, stop.get_token());
    held_.Release();
    quit_ = !absl::IsCancelled(shown);
    if (!shown.ok() && !absl::IsCancelled(shown)) PrintError(shown);
  });
}

void LiveRun::End() {
  view_.request_stop();
  if (view_.joinable()) view_.join();
}

}  // namespace synergy
