#include "daemon/jobs/marker_check.h"

#include "fmt/format.h"

namespace synergy {
namespace {

bool IsSetup(uint32_t op) { return op == kOpLoad || op == kOpInit; }

}  // namespace

MarkerCheck::MarkerCheck(uint32_t lanes, MonotonicTime job_begin)
    : begin_(job_begin), lanes_(lanes) {}

void MarkerCheck::AllowIterations(v1::Phase phase, uint32_t end) {
  iterations_[static_cast<size_t>(phase)] = end;
}

std::optional<std::string> MarkerCheck::KindComplaint(uint32_t op, uint32_t phase,
                                                      uint32_t iteration) const {
  if (IsSetup(op)) {
    if (setup_ && phase == v1::PHASE_SETUP) return std::nullopt;
    return fmt::format("setup in phase {}", phase);
  }
  if (op != kOpNet && op >= operators_) {
    return fmt::format("operator {} of a net of {}", op, operators_);
  }
  if (phase != v1::PHASE_WARMUP && phase != v1::PHASE_MEASURE) {
    return fmt::format("an operator in phase {}", phase);
  }
  if (iteration >= iterations_[phase]) {
    return fmt::format("iteration {} where {} were asked for", iteration, iterations_[phase]);
  }
  return std::nullopt;
}

std::optional<std::string> MarkerCheck::Complaint(const Marker& marker, MonotonicTime now) {
  if (marker.begin_ns < (begin_ - kClockSlack).ns || marker.end_ns > (now + kClockSlack).ns ||
      marker.end_ns < marker.begin_ns) {
    return fmt::format("from {} ns to {} ns, outside of the job's time", marker.begin_ns,
                       marker.end_ns);
  }
  if (marker.thread >= lanes_.size()) return fmt::format("lane {}", marker.thread);
  if (marker.device != 0) return fmt::format("device {}, which this board has not", marker.device);
  if (marker.op == kOpClock) return std::nullopt;
  if (auto complaint = KindComplaint(marker.op, marker.phase, marker.iteration)) return complaint;
  LaneEnds& ends = lanes_[marker.thread];
  int64_t& last_ns = marker.op == kOpNet ? ends.net_ns : ends.operator_ns;
  if (marker.begin_ns < last_ns) {
    return fmt::format("begins {} ns before the one ahead of it ended", last_ns - marker.begin_ns);
  }
  last_ns = marker.end_ns;
  return std::nullopt;
}

bool MarkerCheck::Credible(const CurrentOperator& current, MonotonicTime now) const {
  if (current.begin_ns > (now + kClockSlack).ns) return false;
  if (current.op == kOpNone) return true;
  return current.begin_ns >= (begin_ - kClockSlack).ns &&
         !KindComplaint(current.op, current.phase, current.iteration).has_value();
}

}  // namespace synergy
