#include "client/analysis/loop_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "client/analysis/steady_power.h"

namespace synergy {
namespace {

// A begin of a span of executions, and how many had begun before.
struct Begin {
  int64_t at_ns = 0;
  uint64_t executions = 0;
};

// Of the looped operator, in the order of time. The last span's executions are not among them: how
// many they are no marker says.
std::vector<Begin> BeginsOf(const RunData& data, uint32_t op) {
  std::vector<Begin> begins;
  for (const Marker& m : data.markers()) {
    if (m.phase == v1::PHASE_LOOP && m.op == op) begins.push_back({m.begin_ns, m.iteration});
  }
  std::ranges::sort(begins, {}, &Begin::at_ns);
  return begins;
}

// The spans whose readings hold nothing but the loop; nothing where there are no two begins.
std::optional<std::pair<Begin, Begin>> Settled(const std::vector<Begin>& begins,
                                               int64_t window_ns) {
  if (begins.empty()) return std::nullopt;
  const auto first = std::ranges::lower_bound(
      begins, begins.front().at_ns + kSettledWindows * window_ns, {}, &Begin::at_ns);
  auto last = std::ranges::upper_bound(begins, begins.back().at_ns - window_ns, {}, &Begin::at_ns);
  if (first == begins.end() || last == begins.begin()) return std::nullopt;
  --last;
  if (first->at_ns >= last->at_ns || first->executions >= last->executions) return std::nullopt;
  return std::pair(*first, *last);
}

double SecondsEach(const Begin& first, const Begin& last) {
  return 1e-9 * static_cast<double>(last.at_ns - first.at_ns) /
         static_cast<double>(last.executions - first.executions);
}

Estimate Around(double mean, double half_width) {
  return {.mean = mean, .low = mean - half_width, .high = mean + half_width};
}

Estimate Times(const Estimate& value, double factor) {
  return Around(value.mean * factor, value.half_width() * factor);
}

// The power in the loop and the energy of one execution; nothing where they are not known.
void AddLooped(const RunData& data, const RailPower& power, const std::vector<Begin>& begins,
               LoopCheck::Rail* rail) {
  const std::optional<int64_t> window_ns = WindowNs(data, power.rail);
  if (!window_ns) return;
  const auto settled = Settled(begins, *window_ns);
  if (!settled) return;
  const auto& [first, last] = *settled;
  const SteadyPower steady = SteadyPowerIn(data, power, {first.at_ns, last.at_ns});
  if (!steady.mean_w || !steady.half_width_w) return;
  rail->looped_w = Around(*steady.mean_w, *steady.half_width_w);
  rail->looped_j = Times(*rail->looped_w, SecondsEach(first, last));
}

// Of two that are independent of each other, but for what has slowly drifted from one to the other.
std::optional<Estimate> Difference(const std::optional<Estimate>& a,
                                   const std::optional<Estimate>& b, double drift) {
  if (!a || !b) return std::nullopt;
  return Around(a->mean - b->mean, std::hypot(a->half_width(), b->half_width()) + drift);
}

// By how much the rail's power has drifted during the iterations, of which the loop sees the end.
double DriftWatts(const RunReport& report, size_t rail) {
  if (rail >= report.estimates.size() || !report.estimates[rail]) return 0;
  return std::max(report.estimates[rail]->drift_w.mean, 0.0);
}

}  // namespace

std::optional<LoopCheck> CheckLoop(const RunData& data, const RunReport& report) {
  if (!report.header.job().has_loop()) return std::nullopt;
  LoopCheck check{.op = report.header.job().loop().op()};
  const std::vector<Begin> begins = BeginsOf(data, check.op);
  if (const auto whole = Settled(begins, 0)) {
    check.executions = whole->second.executions;
    check.time_s = SecondsEach(whole->first, whole->second);
  }
  const auto op = std::ranges::find(report.ops, check.op,
                                    [](const OpReport& candidate) { return candidate.result.op; });
  const bool measured = op != report.ops.end();
  check.name = check.op < data.operators().size() ? data.operators()[check.op].name()
                                                  : fmt::format("operator {}", check.op);
  if (measured) check.network_time_s = op->result.time_s.mean;
  const std::vector<RailPower> power = data.Power();
  for (size_t i = 0; i < power.size(); ++i) {
    LoopCheck::Rail rail{.rail = power[i].rail};
    AddLooped(data, power[i], begins, &rail);
    if (measured && i < op->estimate.size() && op->estimate[i]) {
      rail.attributed_j = op->estimate[i]->energy_j;
    }
    if (rail.attributed_j && *check.network_time_s > 0) {
      rail.attributed_w = Times(*rail.attributed_j, 1 / *check.network_time_s);
    }
    const double drift_w = DriftWatts(report, i);
    rail.difference_j = Difference(rail.looped_j, rail.attributed_j, drift_w * check.time_s);
    rail.difference_w = Difference(rail.looped_w, rail.attributed_w, drift_w);
    check.rails.push_back(std::move(rail));
  }
  return check;
}

}  // namespace synergy
