#include "common/attribution/timeline.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/attribution/power_integral.h"
#include "common/attribution/span_events.h"

namespace synergy {
namespace {

// Keeps, while threads are active, what one thread's equal share has grown to since all were idle.
// What a span gets is the growth while it is its thread's innermost: constant work per event,
// however many threads are active.
class Sharing {
 public:
  Sharing(const std::vector<Span>& spans, const std::vector<RailPower>& rails, int64_t begin_ns)
      : spans_(spans), now_ns_(begin_ns), piece_(rails.size()), grown_{0, piece_} {
    for (const RailPower& rail : rails) cursors_.emplace_back(rail.samples, begin_ns);
    for (Share& share : shares_.activities) share.energy_j.resize(rails.size());
    shares_.spans.resize(spans.size(), Share{0, piece_});
  }

  void MoveTo(int64_t at_ns);
  void Apply(const SpanEvent& event);
  Shares Take() { return std::move(shares_); }

 private:
  struct Thread {
    OpenSpans open;
    Share at_turn;  // `grown_` when the innermost span became that
  };

  void Settle(Thread& thread);
  static void AddPart(Share& to, double part, double time_s, const std::vector<double>& energy_j) {
    to.time_s += part * time_s;
    for (size_t r = 0; r < energy_j.size(); ++r) to.energy_j[r] += part * energy_j[r];
  }
  size_t& ActiveIn(size_t span) { return active_[static_cast<size_t>(spans_[span].activity)]; }

  const std::vector<Span>& spans_;
  std::vector<PowerIntegral> cursors_;  // by rail
  int64_t now_ns_;
  std::map<uint16_t, Thread> threads_;
  std::array<size_t, kActivities> active_{};  // threads by what they are in
  size_t all_active_ = 0;
  std::vector<double> piece_;
  Share grown_;
  Shares shares_;
};

void Sharing::MoveTo(int64_t at_ns) {
  if (at_ns <= now_ns_) return;
  const double time_s = static_cast<double>(at_ns - now_ns_) * 1e-9;
  for (size_t r = 0; r < cursors_.size(); ++r) piece_[r] = cursors_[r].Advance(at_ns);
  now_ns_ = at_ns;
  if (all_active_ == 0) {
    AddPart(shares_.activities[static_cast<size_t>(Activity::kIdle)], 1, time_s, piece_);
    return;
  }
  if (active_[static_cast<size_t>(Activity::kInference)] > 1) shares_.overlapped_s += time_s;
  const double all = static_cast<double>(all_active_);
  AddPart(grown_, 1 / all, time_s, piece_);
  for (size_t a = 0; a < kActivities; ++a) {
    if (active_[a] > 0) {
      AddPart(shares_.activities[a], static_cast<double>(active_[a]) / all, time_s, piece_);
    }
  }
}

// Gives the thread's innermost span what has grown since its turn began.
void Sharing::Settle(Thread& thread) {
  Share& share = shares_.spans[thread.open.innermost()];
  share.time_s += grown_.time_s - thread.at_turn.time_s;
  for (size_t r = 0; r < grown_.energy_j.size(); ++r) {
    share.energy_j[r] += grown_.energy_j[r] - thread.at_turn.energy_j[r];
  }
}

void Sharing::Apply(const SpanEvent& event) {
  const Span& span = spans_[event.span];
  Thread& thread = threads_[span.thread];
  if (!thread.open.empty()) {
    Settle(thread);
    --ActiveIn(thread.open.innermost());
    --all_active_;
  }
  thread.open.Apply(event, span);
  // All idle: growth starts from zero again, so that differences keep their precision through a
  // long run.
  if (all_active_ == 0) {
    grown_.time_s = 0;
    std::fill(grown_.energy_j.begin(), grown_.energy_j.end(), 0.0);
  }
  if (!thread.open.empty()) {
    ++ActiveIn(thread.open.innermost());
    ++all_active_;
    thread.at_turn = grown_;
  }
}

}  // namespace

std::vector<Span> DecidingSpans(const RunData& data) {
  std::vector<Span> spans;
  const std::vector<v1::PhaseChange>& phases = data.phases();
  for (size_t i = 0; i + 1 < phases.size(); ++i) {
    const int64_t begin_ns = phases[i].at_ns(), end_ns = phases[i + 1].at_ns();
    if (phases[i].phase() != v1::PHASE_DECIDING || end_ns <= begin_ns) continue;
    spans.push_back({begin_ns, end_ns, 0, Activity::kSetup, 0});
  }
  return spans;
}

Shares ShareTime(const std::vector<Span>& spans, const std::vector<RailPower>& rails,
                 int64_t begin_ns, int64_t end_ns) {
  Sharing sharing(spans, rails, begin_ns);
  ForEachEvent(spans, [&](const SpanEvent& event) {
    sharing.MoveTo(event.at_ns);
    sharing.Apply(event);
  });
  sharing.MoveTo(end_ns);
  return sharing.Take();
}

}  // namespace synergy
