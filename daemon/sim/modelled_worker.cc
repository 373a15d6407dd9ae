#include "daemon/sim/modelled_worker.h"

#include <cmath>

#include "common/iteration_pause.h"
#include "synergy/v1/job.pb.h"

namespace synergy::sim {
namespace {

constexpr Nanoseconds kLoopSpan = Milliseconds(1);  // of a marker

}  // namespace

ModelledWorker::ModelledWorker(const WorkPlan& plan, const OperatorTimes& times, Clock& clock)
    : plan_(plan), times_(times), clock_(clock), planned_(plan.begin) {}

void ModelledWorker::Poll(Snapshot* snapshot) {
  const MonotonicTime now = clock_.Now();
  PlanUntil(now);
  snapshot->as_of = now;
  snapshot->completed.clear();
  snapshot->running.clear();
  while (!for_board_.empty() && for_board_.front().end_ns <= now.ns) {
    snapshot->completed.push_back(for_board_.front());
    for_board_.pop_front();
  }
  CurrentOperator current;
  if (!for_board_.empty() && for_board_.front().begin_ns <= now.ns) {
    const Marker& m = for_board_.front();
    current = {.op = m.op,
               .iteration = m.iteration,
               .thread = m.thread,
               .phase = m.phase,
               .begin_ns = m.begin_ns};
  }
  snapshot->running.push_back(current);
}

std::vector<Marker> ModelledWorker::TakeMarkers() {
  const MonotonicTime now = clock_.Now();
  PlanUntil(now);
  std::vector<Marker> markers;
  while (!for_record_.empty() && for_record_.front().end_ns <= now.ns) {
    markers.push_back(for_record_.front());
    for_record_.pop_front();
  }
  return markers;
}

void ModelledWorker::PlanUntil(MonotonicTime until) {
  while (planned_ <= until && !end_) {
    if (!set_up_) {
      PlanSetup();
      continue;
    }
    if (next_iteration_ == plan_.warmup) measure_begin_ = planned_;
    if (next_iteration_ == uint64_t{plan_.warmup} + plan_.iterations) {
      if (plan_.looped && !loop_begin_) {
        PlanLoopBegin();
      } else if (plan_.looped && planned_ < *loop_begin_ + plan_.loop) {
        PlanLoopSpan();
      } else {
        end_ = planned_;
      }
    } else if (next_iteration_ < plan_.warmup) {
      PlanIteration(v1::PHASE_WARMUP, static_cast<uint32_t>(next_iteration_));
    } else {
      PlanIteration(v1::PHASE_MEASURE, static_cast<uint32_t>(next_iteration_ - plan_.warmup));
    }
  }
}

void ModelledWorker::PlanSetup() {
  const MonotonicTime loaded = planned_ + plan_.load;
  Append(kOpLoad, 0, v1::PHASE_SETUP, planned_, loaded);
  planned_ = loaded + plan_.init;
  Append(kOpInit, 0, v1::PHASE_SETUP, loaded, planned_);
  warmup_begin_ = planned_;
  set_up_ = true;
}

void ModelledWorker::PlanIteration(uint8_t phase, uint32_t iteration) {
  const bool measured = phase == v1::PHASE_MEASURE;
  const MonotonicTime begin =
      measured ? planned_ + PauseBefore(plan_.seed, iteration, plan_.longest_pause) : planned_;
  MonotonicTime at = begin;
  for (uint32_t op = 0; op < times_.size(); ++op) {
    const MonotonicTime end = at + times_.Of(op, next_iteration_);
    // What the net spends between two operators belongs to neither.
    Append(op, iteration, phase, at + Nanoseconds{std::llround(kDispatchS * 1e9 / 2)}, end);
    at = end;
  }
  Append(kOpNet, iteration, phase, begin, at);
  planned_ = at;
  ++next_iteration_;
}

void ModelledWorker::PlanLoopBegin() {
  loop_begin_ = planned_;
  for (uint32_t op = 0; op < *plan_.looped; ++op) {
    const MonotonicTime begin = planned_;
    planned_ = begin + times_.Of(op, next_iteration_);
    Append(op, 0, v1::PHASE_LOOP, begin, planned_);
  }
}

void ModelledWorker::PlanLoopSpan() {
  const MonotonicTime begin = planned_;
  const uint32_t first = looped_;
  while (planned_ < begin + kLoopSpan) {
    planned_ = planned_ + times_.Of(*plan_.looped, next_iteration_ + looped_++);
  }
  Append(*plan_.looped, first, v1::PHASE_LOOP, begin, planned_);
}

void ModelledWorker::Append(uint32_t op, uint32_t iteration, uint8_t phase, MonotonicTime begin,
                            MonotonicTime end) {
  const Marker marker{.begin_ns = begin.ns,
                      .end_ns = end.ns,
                      .op = op,
                      .iteration = iteration,
                      .thread = 0,
                      .device = 0,
                      .phase = phase,
                      .event = 0};
  for_record_.push_back(marker);
  if (op != kOpNet) for_board_.push_back(marker);
}

}  // namespace synergy::sim
