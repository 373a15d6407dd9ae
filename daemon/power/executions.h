// Which operators ran when, put together from what an engine's activity feed tells bit by bit:
// markers of what has ended, slots of what is still running.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "daemon/power/board_power.h"
#include "daemon/power/board_simulation.h"

namespace synergy::sim {

// One execution of an operator (or of kOpLoad, kOpInit).
struct Execution {
  static constexpr int64_t kRunning = std::numeric_limits<int64_t>::max();

  uint32_t op = 0;
  uint32_t iteration = 0;
  uint16_t thread = 0;
  uint8_t phase = 0;
  bool has_marker = false;  // false: known from its slot alone
  bool told = false;        // its end was told to whoever sweeps
  int64_t begin_ns = 0;
  int64_t end_ns = kRunning;  // on the timeline
  int64_t marker_end_ns = 0;  // as the marker has it
  PerRail joules{};           // so far
};

// Thread-compatible. Believes nothing that could not be: markers whose end lies before their begin
// or in the future, what is no operator, and executions that overlap on one thread cost their
// sender alone.
class Executions {
 public:
  // An execution that was told too late, so that the timeline lacks it up to `end`.
  using OnLate = std::function<void(Execution& execution, MonotonicTime end)>;

  // Takes the snapshot in. `known` is where the timeline ends; `now` is the present.
  void Take(const ActivityFeed::Snapshot& snapshot, MonotonicTime known, MonotonicTime now,
            const OnLate& on_late);

  using OnPiece = std::function<void(MonotonicTime end, std::span<Execution* const> running)>;
  using OnEnded = std::function<void(const Execution& execution)>;

  // Cuts [from, until] into pieces in which the same executions run. In the order of time: calls
  // `on_piece` with each piece's end and what runs in it, and `on_ended` with each execution that
  // has a marker, once all its pieces were given. Forgets those; and after a second those whose
  // marker never came.
  void Sweep(MonotonicTime from, MonotonicTime until, const OnPiece& on_piece,
             const OnEnded& on_ended);

  void Clear() { executions_.clear(); }

 private:
  void TakeMarker(const Marker& marker, size_t seen, MonotonicTime known, const OnLate& on_late);
  void TakeSlot(const CurrentOperator& slot, MonotonicTime known, const OnLate& on_late);
  // Ends what was running and is neither ended by a marker nor in a slot any more.
  void EndVanished(const std::vector<CurrentOperator>& slots, MonotonicTime known);

  std::vector<Execution> executions_;
};

}  // namespace synergy::sim
