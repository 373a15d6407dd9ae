#include "common/clock_comparison/meter_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

// Lines may be late by this much even where they come soonest: programs write in blocks.
constexpr int64_t kLongestDelayNs = 2'000'000'000;
// Where a clock jumped nearby, the least delay is not that of the pattern's own lines.
constexpr int64_t kSlackNs = 500'000'000;
// Around the pattern's arrival in which lines are asked for their delay.
constexpr int64_t kAroundNs = 1'000'000'000;
// No crystal is off by more together with a device's slewed clock.
constexpr double kLargestDrift = 1e-3;
// Two crystals, where there is but one pattern and so no measured drift.
constexpr double kUnknownDrift = 2e-4;
constexpr double kSureSigmas = 6;
constexpr double kLeastStepNs = 50'000;

// When the pattern was played, on the host's clock, and how wide that is open.
struct HostTime {
  int64_t begin_ns = 0, end_ns = 0;
  FeasibleLines::Range offset;  // device minus host
};

std::optional<HostTime> OnHost(const RoundTrips& trips, const v1::ChirpPlayed& played) {
  if (played.edge_ns().empty()) return std::nullopt;
  const int64_t begin = played.edge_ns(0), end = played.edge_ns(played.edge_ns_size() - 1);
  // The offset is asked for by the host's time, which it gives: it hardly changes in between.
  std::optional<FeasibleLines::Range> offset = trips.OffsetAt(begin);
  for (int i = 0; i < 3 && offset; ++i)
    offset = trips.OffsetAt(begin - std::llround(offset->middle_ns()));
  if (!offset) return std::nullopt;
  const int64_t middle = std::llround(offset->middle_ns());
  return HostTime{begin - middle, end - middle, *offset};
}

// The number of the segment in which lines arrived at that time.
size_t SegmentAt(const MeterFacts& facts, int64_t arrival_ns) {
  uint64_t line = 0;
  for (const ArrivalFloor& floor : facts.arrivals.floors()) {
    if (floor.arrival_ns <= arrival_ns) line = floor.line;
  }
  size_t segment = 0;
  while (segment < facts.jumps.size() && facts.jumps[segment].line <= line) ++segment;
  return segment;
}

// [begin, end) of the rail's readings in a segment.
std::pair<size_t, size_t> Bounds(const MeterRail& rail, size_t segment) {
  const size_t all = rail.readings.size();
  const size_t begin = segment == 0 ? 0 : std::min<size_t>(all, rail.after_jump[segment - 1]);
  const size_t end =
      segment == rail.after_jump.size() ? all : std::min<size_t>(all, rail.after_jump[segment]);
  return {begin, std::max(begin, end)};
}

// Those that do not go back.
std::vector<PowerSample> InOrder(const MeterRail& rail, size_t segment) {
  const auto [begin, end] = Bounds(rail, segment);
  std::vector<PowerSample> readings;
  for (size_t i = begin; i < end; ++i) {
    if (readings.empty() || rail.readings[i].at_ns > readings.back().at_ns) {
      readings.push_back(rail.readings[i]);
    }
  }
  return readings;
}

struct Placed {
  size_t segment = 0;
  HostTime host;
  ChirpFound found;
};

Placed Find(const MeterFacts& facts, const v1::ChirpPlayed& played,
            std::span<const MeterRail> rails, double drift) {
  Placed placed;
  placed.found.after = played.after();
  placed.found.match = absl::NotFoundError(
      "the load pattern was not found: the meter gave no readings while it was played");
  const std::optional<HostTime> host = OnHost(facts.trips, played);
  if (!host) {
    placed.found.match =
        absl::NotFoundError("the device's clock was never compared with the host's");
    return placed;
  }
  placed.host = *host;
  const std::optional<int64_t> lag = facts.arrivals.LeastLag(
      host->begin_ns - kAroundNs, host->end_ns + kAroundNs + kLongestDelayNs);
  if (!lag) return placed;
  placed.segment = SegmentAt(facts, host->end_ns);
  const double offset = static_cast<double>(*lag);
  const ChirpSearch search{
      .lowest_offset_ns = std::llround(offset + host->offset.low_ns) - kLongestDelayNs,
      .highest_offset_ns = std::llround(offset + host->offset.high_ns) + kSlackNs,
      .drift = drift};
  for (const MeterRail& rail : rails) {
    absl::StatusOr<ChirpMatch> match = FindChirp(played, InOrder(rail, placed.segment), search);
    const bool better =
        match.ok() && (!placed.found.match.ok() || match->bound_ns < placed.found.match->bound_ns);
    if (better || placed.found.rail.empty()) {
      placed.found.match = std::move(match);
      placed.found.rail = rail.name;
    }
  }
  return placed;
}

// By how much the meter's clock had jumped ahead when a segment began.
std::vector<int64_t> Jumped(const std::vector<ClockJump>& jumps) {
  std::vector<int64_t> sums = {0};
  for (const ClockJump& jump : jumps) sums.push_back(sums.back() + jump.step_ns);
  return sums;
}

double Squared(double x) { return x * x; }

// What the jumps between the patterns add to the bound: the line goes through both patterns, so
// that an error of a step is shared between its sides.
double JumpBound(const MeterFacts& facts, const Placed& before, const Placed& after) {
  double squares = 0;
  for (size_t i = before.segment; i < after.segment; ++i) {
    const ClockJump& jump = facts.jumps[i];
    const double span = static_cast<double>(after.found.match->stamp_ns -
                                            before.found.match->stamp_ns - jump.step_ns);
    const double part = std::clamp(
        static_cast<double>(jump.stamp_ns - jump.step_ns - before.found.match->stamp_ns) / span,
        0.0, 1.0);
    squares += Squared(static_cast<double>(jump.bound_ns) * std::max(part, 1 - part));
  }
  return std::sqrt(squares);
}

// Whether arrivals and round trips say the same of the time between the patterns.
void CheckAgreement(const MeterFacts& facts, const Placed& before, const Placed& after,
                    MeterClock* clock) {
  const auto lag = [&](const HostTime& host) {
    return facts.arrivals.LeastLag(host.begin_ns, host.end_ns + kAroundNs);
  };
  const std::optional<int64_t> first = lag(before.host), last = lag(after.host);
  if (!first || !last) return;
  const auto offset = [](const Placed& p) {
    return static_cast<double>(p.found.match->device_ns - p.found.match->stamp_ns);
  };
  const double found = offset(after) - offset(before);
  const double arrived = static_cast<double>(*last - *first) + after.host.offset.middle_ns() -
                         before.host.offset.middle_ns();
  const double unsure = kSureSigmas * 2 * facts.arrivals.jitter_ns() + 2 * kLeastStepNs +
                        after.host.offset.half_width_ns() + before.host.offset.half_width_ns() +
                        before.found.match->bound_ns + after.found.match->bound_ns;
  if (std::abs(found - arrived) <= unsure) return;
  clock->problems.push_back(fmt::format(
      "between the load patterns the meter's clock moved by {:.3f} ms against the device's, by the "
      "arrival of its lines by {:.3f} ms, which should agree within {:.3f} ms",
      found * 1e-6, arrived * 1e-6, unsure * 1e-6));
}

void FitBoth(const MeterFacts& facts, const Placed& before, const Placed& after,
             MeterClock* clock) {
  const std::vector<int64_t> jumped = Jumped(facts.jumps);
  const ChirpMatch &b = *before.found.match, &a = *after.found.match;
  const double meter_ns = static_cast<double>(a.stamp_ns - b.stamp_ns -
                                              (jumped[after.segment] - jumped[before.segment]));
  const double device_ns = static_cast<double>(a.device_ns - b.device_ns);
  const double drift = device_ns / meter_ns - 1;
  if (!(std::abs(drift) <= kLargestDrift)) {
    clock->problems.push_back(fmt::format(
        "between the load patterns the meter's clock went {:.3f} ms astray, which no clock drifts: "
        "it jumped, and nothing shows where",
        (meter_ns - device_ns) * 1e-6));
    return;
  }
  for (const int64_t sum : jumped) {
    clock->segments.push_back({b.stamp_ns + sum - jumped[before.segment], b.device_ns, drift});
  }
  clock->bound_ns = std::hypot(std::max(b.bound_ns, a.bound_ns), JumpBound(facts, before, after));
  CheckAgreement(facts, before, after, clock);
}

void FitOne(const MeterFacts& facts, const Placed& only, int64_t farthest_ns, MeterClock* clock) {
  const std::vector<int64_t> jumped = Jumped(facts.jumps);
  const ChirpMatch& match = *only.found.match;
  for (const int64_t sum : jumped) {
    clock->segments.push_back({match.stamp_ns + sum - jumped[only.segment], match.device_ns, 0.0});
  }
  double squares = Squared(match.bound_ns);
  for (const ClockJump& jump : facts.jumps) squares += Squared(static_cast<double>(jump.bound_ns));
  clock->bound_ns = std::sqrt(squares) + kUnknownDrift * static_cast<double>(farthest_ns);
  clock->problems.push_back(fmt::format(
      "the load pattern {} the job was not found, so that the drift of the meter's clock is not "
      "known: {:.0f} ppm are allowed for",
      only.found.after ? "before" : "after", kUnknownDrift * 1e6));
}

const v1::ChirpPlayed* Played(const std::vector<v1::ChirpPlayed>& played, bool after) {
  for (const v1::ChirpPlayed& one : played) {
    if (one.after() == after && one.edge_ns_size() > 0) return &one;
  }
  return nullptr;
}

}  // namespace

int64_t ClockSegment::DeviceTime(int64_t at_stamp_ns) const {
  const double since = static_cast<double>(at_stamp_ns - stamp_ns);
  return device_ns + (at_stamp_ns - stamp_ns) + std::llround(since * drift);
}

MeterClock FitMeterClock(const MeterFacts& facts, const std::vector<v1::ChirpPlayed>& played,
                         std::span<const MeterRail> rails) {
  MeterClock clock;
  const v1::ChirpPlayed *const first = Played(played, false), *const last = Played(played, true);
  std::optional<Placed> before, after;
  double drift = 0;
  // The second time with the drift that the first one has found: it blurs the edges.
  for (int round = 0; round < 2; ++round) {
    if (first != nullptr) before = Find(facts, *first, rails, drift);
    if (last != nullptr) after = Find(facts, *last, rails, drift);
    clock = {};
    const bool has_before = before && before->found.match.ok();
    const bool has_after = after && after->found.match.ok();
    if (has_before && has_after) {
      FitBoth(facts, *before, *after, &clock);
    } else if (has_before || has_after) {
      const Placed& only = has_before ? *before : *after;
      const int64_t to = last != nullptr ? last->edge_ns(0) : only.host.end_ns;
      const int64_t from = first != nullptr ? first->edge_ns(0) : to;
      FitOne(facts, only, std::max<int64_t>(std::abs(to - from), kAroundNs), &clock);
    } else {
      clock.problems.push_back(
          first == nullptr && last == nullptr
              ? std::string("the device played no load pattern")
              : fmt::format(
                    "no load pattern was found in the meter's readings ({})",
                    std::string((before ? before : after)->found.match.status().message())));
    }
    if (clock.segments.empty()) break;
    drift = clock.segments.front().drift;
  }
  if (facts.arrivals.restless()) {
    clock.problems.emplace_back("the meter's stamps leap too often to tell jumps from gaps");
  }
  for (const std::optional<Placed>* one : {&before, &after}) {
    if (*one) clock.chirps.push_back((*one)->found);
  }
  return clock;
}

std::vector<PowerSample> OnDeviceClock(const MeterRail& rail,
                                       std::span<const ClockSegment> segments) {
  std::vector<PowerSample> samples;
  for (size_t s = 0; s < segments.size() && s <= rail.after_jump.size(); ++s) {
    for (const PowerSample& reading : InOrder(rail, s)) {
      const int64_t at_ns = segments[s].DeviceTime(reading.at_ns);
      // Where a step is a little larger than it was found, two stretches overlap.
      if (samples.empty() || at_ns > samples.back().at_ns) {
        samples.push_back({at_ns, reading.power_w});
      }
    }
  }
  return samples;
}

}  // namespace synergy
