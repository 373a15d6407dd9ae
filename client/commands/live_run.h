// `run --watch`: the live view while a run is received.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "client/commands/board_watch.h"
#include "client/commands/output.h"

namespace synergy {

// The view takes the terminal until it is quit, `interrupt` or End; what is for stderr is kept
// until then. The run goes on, whatever becomes of its view. Give and End: of one thread.
class LiveRun {
 public:
  // Where IsLiveTerminal.
  LiveRun(const std::string& host, std::string run_id, std::stop_token interrupt);
  ~LiveRun() { End(); }
  LiveRun(const LiveRun&) = delete;
  LiveRun& operator=(const LiveRun&) = delete;

  void Give(const v1::Chunk& chunk) { boards_.front()->Give(run_id_, chunk); }
  // The terminal is as it was.
  void End();
  // The user has quit it, or there is no terminal any more.
  bool was_quit() const { return quit_; }

 private:
  const std::string run_id_;
  std::atomic<bool> quit_ = false;
  HeldStderr held_;
  std::vector<std::unique_ptr<BoardWatch>> boards_;
  std::jthread view_;
};

}  // namespace synergy
