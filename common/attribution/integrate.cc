#include "common/attribution/integrate.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "common/attribution/power_integral.h"
#include "common/attribution/timeline.h"

namespace synergy {
namespace {

void Extend(std::optional<TimeWindow>& window, const Marker& marker) {
  if (!window) window = TimeWindow{marker.begin_ns, marker.end_ns};
  window->begin_ns = std::min(window->begin_ns, marker.begin_ns);
  window->end_ns = std::max(window->end_ns, marker.end_ns);
}

// What a marker belongs to; kIdle where it is nothing that this method knows.
Activity ActivityOf(const Marker& marker) {
  if (marker.op == kOpLoad || marker.op == kOpInit) return Activity::kSetup;
  if (marker.op >= kOpClock && marker.op != kOpNet) return Activity::kIdle;
  switch (marker.phase) {
    case v1::PHASE_SETUP:
      return Activity::kSetup;
    case v1::PHASE_WARMUP:
      return Activity::kWarmup;
    case v1::PHASE_MEASURE:
      return Activity::kInference;
    default:
      return Activity::kIdle;
  }
}

// Sorts the markers into spans, windows and whole iterations.
std::vector<Span> ReadMarkers(const RunData& data, Attribution* result) {
  std::vector<Span> spans;
  RunningMean iterations;
  for (const Marker& m : data.markers()) {
    const Activity activity = ActivityOf(m);
    if (activity == Activity::kIdle) continue;
    Extend(activity == Activity::kSetup    ? result->setup_window
           : activity == Activity::kWarmup ? result->warmup_window
                                           : result->measure_window,
           m);
    Extend(result->all_window, m);
    if (m.op != kOpNet) {
      spans.push_back({m.begin_ns, m.end_ns, m.thread, activity, m.op});
    } else if (activity == Activity::kInference) {
      iterations.Add(static_cast<double>(m.end_ns - m.begin_ns) * 1e-9);
    }
  }
  for (const Span& span : DecidingSpans(data)) {
    const bool within = result->all_window && span.begin_ns >= result->all_window->begin_ns &&
                        span.end_ns <= result->all_window->end_ns;
    if (within) spans.push_back(span);
  }
  result->iterations = iterations.count();
  if (iterations.count() > 0) result->iteration_time_s = iterations.Result();
  return spans;
}

// The sums of one operator over its executions in measured iterations.
struct OperatorSums {
  RunningMean time_s;
  double total_time_s = 0;
  std::vector<double> energy_j;  // by rail
  std::vector<uint64_t> known;   // executions with known energy, by rail
};

struct Sums {
  std::map<uint32_t, OperatorSums> ops;
  // By activity and rail: whether all of its time has power.
  std::array<std::vector<bool>, kActivities> known;
};

Sums SumUp(const std::vector<Span>& spans, const Shares& shares,
           const std::vector<RailPower>& rails) {
  Sums sums;
  for (auto& known : sums.known) {
    for (const RailPower& rail : rails) known.push_back(!rail.samples.empty());
  }
  for (size_t i = 0; i < spans.size(); ++i) {
    const Span& span = spans[i];
    std::vector<bool> known(rails.size());
    for (size_t r = 0; r < rails.size(); ++r) {
      known[r] = PowerIntegral::Covers(rails[r].samples, span.begin_ns, span.end_ns);
      if (!known[r]) sums.known[static_cast<size_t>(span.activity)][r] = false;
    }
    if (span.activity != Activity::kInference) continue;
    OperatorSums& op = sums.ops[span.op];
    op.energy_j.resize(rails.size());
    op.known.resize(rails.size());
    const double time_s = static_cast<double>(span.end_ns - span.begin_ns) * 1e-9;
    op.time_s.Add(time_s);
    op.total_time_s += time_s;
    for (size_t r = 0; r < rails.size(); ++r) {
      if (!known[r]) continue;
      op.energy_j[r] += shares.spans[i].energy_j[r];
      ++op.known[r];
    }
  }
  return sums;
}

PhaseTotal TotalOf(const Share& share, const std::vector<bool>& known) {
  PhaseTotal total{.time_s = share.time_s, .energy_j = {}};
  for (size_t r = 0; r < known.size(); ++r) {
    total.energy_j.push_back(known[r] ? std::optional(share.energy_j[r]) : std::nullopt);
  }
  return total;
}

// Its own integral in one go, so that it checks the parts.
PhaseTotal WholeOf(const TimeWindow& window, const std::vector<RailPower>& rails) {
  PhaseTotal total{.time_s = static_cast<double>(window.end_ns - window.begin_ns) * 1e-9,
                   .energy_j = {}};
  for (const RailPower& rail : rails) {
    const bool known = PowerIntegral::Covers(rail.samples, window.begin_ns, window.end_ns);
    PowerIntegral integral(rail.samples, window.begin_ns);
    total.energy_j.push_back(known ? std::optional(integral.Advance(window.end_ns)) : std::nullopt);
  }
  return total;
}

void AddOperators(const std::map<uint32_t, OperatorSums>& ops, size_t rails, Attribution* result) {
  double all_time_s = 0;
  std::vector<double> all_energy_j(rails);
  for (const auto& [index, op] : ops) {
    all_time_s += op.total_time_s;
    for (size_t r = 0; r < rails; ++r) all_energy_j[r] += op.energy_j[r];
  }
  for (const auto& [index, op] : ops) {
    OperatorResult out;
    out.op = index;
    out.executions = op.time_s.count();
    out.time_s = op.time_s.Result();
    if (all_time_s > 0) out.time_share = op.total_time_s / all_time_s;
    for (size_t r = 0; r < rails; ++r) {
      std::optional<double> mean_j, share;
      if (op.known[r] > 0) mean_j = op.energy_j[r] / static_cast<double>(op.known[r]);
      if (op.known[r] > 0 && all_energy_j[r] > 0) share = op.energy_j[r] / all_energy_j[r];
      out.mean_energy_j.push_back(mean_j);
      out.energy_share.push_back(share);
    }
    result->ops.push_back(std::move(out));
  }
}

}  // namespace

Attribution Solve(const RunData& data, const std::vector<RailPower>& more) {
  Attribution result;
  result.partial = data.partial();
  std::vector<RailPower> rails = data.Power();
  rails.insert(rails.end(), more.begin(), more.end());
  for (const RailPower& rail : rails) result.rails.push_back(rail.rail);
  const std::vector<Span> spans = ReadMarkers(data, &result);
  if (!result.all_window) {
    for (PhaseTotal* total :
         {&result.setup, &result.warmup, &result.inference, &result.idle, &result.all}) {
      total->energy_j.resize(rails.size());
    }
    return result;
  }
  const TimeWindow window = *result.all_window;
  const Shares shares = ShareTime(spans, rails, window.begin_ns, window.end_ns);
  Sums sums = SumUp(spans, shares, rails);
  result.all = WholeOf(window, rails);
  for (size_t r = 0; r < rails.size(); ++r) {
    // Idle time may lie anywhere in the window, at its ends too.
    sums.known[static_cast<size_t>(Activity::kIdle)][r] = result.all.energy_j[r].has_value();
  }
  const auto total = [&](Activity activity) {
    const auto i = static_cast<size_t>(activity);
    return TotalOf(shares.activities[i], sums.known[i]);
  };
  result.setup = total(Activity::kSetup);
  result.warmup = total(Activity::kWarmup);
  result.inference = total(Activity::kInference);
  result.idle = total(Activity::kIdle);
  result.overlapped_s = shares.overlapped_s;
  AddOperators(sums.ops, rails.size(), &result);
  return result;
}

}  // namespace synergy
