// What each execution of an operator truly cost, kept until the run ends. Never read by anything
// that measures or analyses.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "daemon/power/executions.h"
#include "synergy/v1/device.pb.h"

namespace synergy::sim {

// Thread-compatible. Lists the first kMaxExecutions executions of the measured phase (56 bytes
// each), counts the others. So many are written in a fraction of the 2 s that a daemon has to end.
class TruthLog {
 public:
  static constexpr size_t kMaxExecutions = 250'000;

  // The joules of the timeline's next piece and what ran in it: they are shared equally among
  // those.
  void OnPiece(const PerRail& joules, std::span<Execution* const> running);
  // Part of `execution` that the timeline has as idle, since it was told too late.
  void OnLate(Execution& execution, const PerRail& idle_joules);
  // After the last piece of `execution`.
  void OnEnded(const Execution& execution);

  // Of the first `rails` rails. Leaves the log empty.
  v1::RunTruth Take(size_t rails);

 private:
  struct Listed {
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
    uint32_t op = 0;
    uint32_t iteration = 0;
    PerRail joules{};
  };

  void Start(const Execution& first);

  bool started_ = false;
  int64_t begin_ns_ = 0;
  int64_t end_ns_ = 0;
  // Up to the last end of a measured operator, and from there on: what follows counts once another
  // one has ended.
  PerRail total_{}, idle_{};
  PerRail pending_total_{}, pending_idle_{};
  std::vector<Listed> listed_;
  uint64_t omitted_ = 0;
};

}  // namespace synergy::sim
