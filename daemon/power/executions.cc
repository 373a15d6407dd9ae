#include "daemon/power/executions.h"

#include <algorithm>

namespace synergy::sim {
namespace {

// How long an execution whose slot has moved on waits for its marker: the engine writes the marker
// right after it has cleared the slot, but may be preempted in between.
constexpr int64_t kMarkerPatienceNs = 1'000'000'000;

bool IsExecution(uint32_t op) { return op < kOpClock || op == kOpLoad || op == kOpInit; }

}  // namespace

void Executions::Take(const ActivityFeed::Snapshot& snapshot, MonotonicTime known,
                      MonotonicTime now, const OnLate& on_late) {
  const size_t seen = executions_.size();  // no marker comes twice: it may only end one of these
  for (const Marker& marker : snapshot.completed) {
    const bool possible = marker.begin_ns <= marker.end_ns && marker.end_ns <= now.ns;
    if (IsExecution(marker.op) && possible) TakeMarker(marker, seen, known, on_late);
  }
  for (const CurrentOperator& slot : snapshot.running) {
    if (IsExecution(slot.op) && slot.begin_ns <= now.ns) TakeSlot(slot, known, on_late);
  }
  EndVanished(snapshot.running, known);
}

void Executions::TakeMarker(const Marker& marker, size_t seen, MonotonicTime known,
                            const OnLate& on_late) {
  for (size_t i = 0; i < seen; ++i) {
    Execution& e = executions_[i];
    if (e.begin_ns != marker.begin_ns || e.thread != marker.thread || e.op != marker.op) continue;
    if (e.has_marker) return;
    e.has_marker = true;
    e.marker_end_ns = marker.end_ns;
    // The past does not change: an end that was guessed from the slot stays where it was.
    if (e.end_ns > known.ns) e.end_ns = std::max(marker.end_ns, known.ns);
    return;
  }
  Execution& execution = executions_.emplace_back(Execution{.op = marker.op,
                                                            .iteration = marker.iteration,
                                                            .thread = marker.thread,
                                                            .phase = marker.phase,
                                                            .has_marker = true,
                                                            .begin_ns = marker.begin_ns,
                                                            .end_ns = marker.end_ns,
                                                            .marker_end_ns = marker.end_ns});
  if (marker.begin_ns < known.ns) on_late(execution, {std::min(marker.end_ns, known.ns)});
}

void Executions::TakeSlot(const CurrentOperator& slot, MonotonicTime known, const OnLate& on_late) {
  for (const Execution& e : executions_) {
    if (e.begin_ns == slot.begin_ns && e.thread == slot.thread && e.op == slot.op) return;
  }
  Execution& execution = executions_.emplace_back(Execution{.op = slot.op,
                                                            .iteration = slot.iteration,
                                                            .thread = slot.thread,
                                                            .phase = slot.phase,
                                                            .begin_ns = slot.begin_ns});
  if (slot.begin_ns < known.ns) on_late(execution, known);
}

void Executions::EndVanished(const std::vector<CurrentOperator>& slots, MonotonicTime known) {
  for (Execution& e : executions_) {
    if (e.end_ns != Execution::kRunning) continue;
    const auto slot = std::ranges::find(slots, e.thread, &CurrentOperator::thread);
    if (slot == slots.end()) {
      e.end_ns = std::max(e.begin_ns, known.ns);  // the thread is gone
    } else if (slot->op != e.op || slot->begin_ns != e.begin_ns) {
      e.end_ns = std::max({e.begin_ns, slot->begin_ns, known.ns});
    }
  }
}

void Executions::Sweep(MonotonicTime from, MonotonicTime until, const OnPiece& on_piece,
                       const OnEnded& on_ended) {
  std::ranges::stable_sort(executions_, {}, &Execution::begin_ns);
  std::vector<Execution*> running;
  size_t next = 0;
  for (int64_t at = from.ns;;) {
    while (next < executions_.size() && executions_[next].begin_ns <= at) {
      running.push_back(&executions_[next++]);
    }
    std::erase_if(running, [&](Execution* e) {
      if (e->end_ns > at) return false;
      if (e->has_marker) on_ended(*e);
      e->told = e->has_marker;
      return true;
    });
    if (at >= until.ns) break;
    int64_t end = until.ns;
    if (next < executions_.size()) end = std::min(end, executions_[next].begin_ns);
    for (const Execution* e : running) end = std::min(end, e->end_ns);
    on_piece({end}, running);
    at = end;
  }
  std::erase_if(executions_, [until](const Execution& e) {
    return e.told || e.end_ns <= until.ns - kMarkerPatienceNs;
  });
}

}  // namespace synergy::sim
