#include "daemon/jobs/marker_check.h"

#include "fmt/format.h"

namespace synergy {
namespace {

bool IsSetup(uint32_t op) { return op == kOpLoad || op == kOpInit; }

// Grows from iteration to iteration and from warm-up to measuring; never 0.
uint64_t Order(const Marker& marker) {
  return (uint64_t{marker.phase} << 32 | marker.iteration) + 1;
}

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
  const bool looped = phase == v1::PHASE_LOOP && op != kOpNet;
  if (phase != v1::PHASE_WARMUP && phase != v1::PHASE_MEASURE && !looped) {
    return fmt::format("an operator in phase {}", phase);
  }
  if (iteration >= iterations_[phase]) {
    return fmt::format("iteration {} where {} were asked for", iteration, iterations_[phase]);
  }
  return std::nullopt;
}

std::optional<std::string> MarkerCheck::Complaint(const Marker& marker, MonotonicTime now) {
  if (marker.event != 0 && marker.thread < lanes_.size()) {
    return CountComplaint(marker, &lanes_[marker.thread]);
  }
  if (marker.begin_ns < (begin_ - kClockSlack).ns || marker.end_ns > (now + kClockSlack).ns ||
      marker.end_ns < marker.begin_ns) {
    return fmt::format("from {} ns to {} ns, outside of the job's time", marker.begin_ns,
                       marker.end_ns);
  }
  if (marker.thread >= lanes_.size()) return fmt::format("lane {}", marker.thread);
  if (marker.device != 0) return fmt::format("device {}, which this board has not", marker.device);
  LaneState& lane = lanes_[marker.thread];
  if (marker.op == kOpClock) return ClockComplaint(&lane, now);
  if (auto complaint = KindComplaint(marker.op, marker.phase, marker.iteration)) return complaint;
  int64_t& last_ns = marker.op == kOpNet ? lane.net_ns : lane.operator_ns;
  if (marker.begin_ns < last_ns) {
    return fmt::format("begins {} ns before the one ahead of it ended", last_ns - marker.begin_ns);
  }
  if (auto complaint = OrderComplaint(marker, &lane)) return complaint;
  if (IsSetup(marker.op) && ++setup_markers_ > kMaxSetupMarkers) return "loading without an end";
  last_ns = marker.end_ns;
  if (marker.op != kOpNet) {
    lane.counted_op = marker.op;
    lane.counted_order = Order(marker);
    lane.counted_event = 0;
  }
  return std::nullopt;
}

std::optional<std::string> MarkerCheck::CountComplaint(const Marker& marker,
                                                       LaneState* lane) const {
  if (marker.event > events_ || marker.phase != v1::PHASE_MEASURE) {
    return fmt::format("a count of event {} where {} are counted, in phase {}", marker.event - 1,
                       events_, marker.phase);
  }
  if (marker.op != lane->counted_op || Order(marker) != lane->counted_order ||
      marker.event <= lane->counted_event || marker.end_ns < marker.begin_ns) {
    return fmt::format("a count of event {} that is not the last operator's", marker.event - 1);
  }
  lane->counted_event = marker.event;
  return std::nullopt;
}

std::optional<std::string> MarkerCheck::OrderComplaint(const Marker& marker,
                                                       LaneState* lane) const {
  if (IsSetup(marker.op)) return std::nullopt;
  const uint64_t order = Order(marker);
  const bool net = marker.op == kOpNet;
  uint64_t& newest = net ? lane->net_iteration : lane->iteration;
  if (order < newest) return fmt::format("iteration {} after a later one", marker.iteration);
  if (!net && lane->ran_in.empty()) lane->ran_in.resize(operators_);
  uint64_t& ran_in = net ? lane->net_iteration : lane->ran_in[marker.op];
  if (order == ran_in) {
    return net ? fmt::format("iteration {} twice", marker.iteration)
               : fmt::format("operator {} twice in iteration {}", marker.op, marker.iteration);
  }
  ran_in = order;
  newest = order;
  return std::nullopt;
}

std::optional<std::string> MarkerCheck::ClockComplaint(LaneState* lane, MonotonicTime now) const {
  const auto seconds = static_cast<uint64_t>((now - begin_).count / 1'000'000'000);
  if (++lane->clocks <= kClocksPerSecond * (seconds + 1)) return std::nullopt;
  return fmt::format("more than {} calibrations a second", kClocksPerSecond);
}

bool MarkerCheck::Credible(const CurrentOperator& current, MonotonicTime now) const {
  if (current.begin_ns > (now + kClockSlack).ns) return false;
  if (current.op == kOpNone) return true;
  return current.begin_ns >= (begin_ - kClockSlack).ns &&
         !KindComplaint(current.op, current.phase, current.iteration).has_value();
}

}  // namespace synergy
