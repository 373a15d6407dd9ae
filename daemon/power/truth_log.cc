#include "daemon/power/truth_log.h"

#include <algorithm>
#include <utility>

namespace synergy::sim {
namespace {

bool IsMeasured(const Execution& execution) { return execution.phase == v1::PHASE_MEASURE; }

void Add(PerRail& sum, const PerRail& joules, double factor = 1.0) {
  for (size_t rail = 0; rail < kRails; ++rail) sum[rail] += factor * joules[rail];
}

void Write(const PerRail& joules, size_t rails, google::protobuf::RepeatedField<double>* out) {
  out->Add(joules.begin(), joules.begin() + static_cast<ptrdiff_t>(rails));
}

}  // namespace

void TruthLog::OnPiece(const PerRail& joules, std::span<Execution* const> running) {
  for (Execution* execution : running) {
    Add(execution->joules, joules, 1.0 / static_cast<double>(running.size()));
    if (!started_ && IsMeasured(*execution)) Start(*execution);
  }
  if (!started_) return;
  Add(pending_total_, joules);
  if (running.empty()) Add(pending_idle_, joules);
}

void TruthLog::OnLate(Execution& execution, const PerRail& idle_joules) {
  Add(execution.joules, idle_joules);
  if (!IsMeasured(execution)) return;
  if (started_) {
    Add(pending_idle_, idle_joules, -1.0);
  } else {
    Start(execution);
    Add(pending_total_, idle_joules);
  }
}

void TruthLog::Start(const Execution& first) {
  started_ = true;
  begin_ns_ = first.begin_ns;
}

void TruthLog::OnEnded(const Execution& execution) {
  if (!IsMeasured(execution)) return;
  end_ns_ = std::max(end_ns_, execution.marker_end_ns);
  Add(total_, std::exchange(pending_total_, PerRail{}));
  Add(idle_, std::exchange(pending_idle_, PerRail{}));
  if (listed_.size() == kMaxExecutions) {
    ++omitted_;
    return;
  }
  listed_.push_back({.begin_ns = execution.begin_ns,
                     .end_ns = execution.marker_end_ns,
                     .op = execution.op,
                     .iteration = execution.iteration,
                     .joules = execution.joules});
}

v1::RunTruth TruthLog::Take(size_t rails) {
  v1::RunTruth truth;
  truth.mutable_operators()->Reserve(static_cast<int>(listed_.size()));
  for (const Listed& listed : listed_) {
    v1::OperatorTruth& op = *truth.add_operators();
    op.set_op(listed.op);
    op.set_iteration(listed.iteration);
    op.set_begin_ns(listed.begin_ns);
    op.set_end_ns(listed.end_ns);
    Write(listed.joules, rails, op.mutable_energy_j());
  }
  truth.set_begin_ns(begin_ns_);
  truth.set_end_ns(end_ns_);
  Write(total_, rails, truth.mutable_energy_j());
  Write(idle_, rails, truth.mutable_idle_j());
  truth.set_omitted(omitted_);
  *this = TruthLog();
  return truth;
}

}  // namespace synergy::sim
