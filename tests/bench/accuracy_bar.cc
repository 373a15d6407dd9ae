// How well the energies of operators are known: SIMULATED runs in virtual time, where the truth is
// at hand. Each run is another board (oscillator, gain, phase), other noise and durations.
//
//   accuracy_bar CASES NETS SEEDS ITERATIONS    lists with commas
//
// The truth of an operator is the realised mean over its own executions in the run. The chips'
// gains are exact but in the case `calibration`: what they are off by is the calibration's, not the
// interval's. Shares of intervals that hold are held to their bounds over all networks and rails of
// a case, with 1 % of false alarms; rows that are beyond them alone are told.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/bench/accuracy_tally.h"

namespace synergy {
namespace {

// Bounds on errors and groups are of rails of so much dynamic power.
constexpr double kStrongSteps = 10;
constexpr double kMostGrouped = 0.02;
constexpr double kMostWidth = 1.5;
// Of the integral; with gaps, filters and slow settings more is unattributed, but not of the
// residual.
constexpr double kMostBooks = 0.002;
constexpr double kNone = 1e9;

struct Bounds {
  double weighted = kNone, mean = kNone, p99 = kNone;
  double least_holds = 0.93, least_long = 0.93, most_long = 0.97;
  bool has_no_groups = false;  // of long operators, and few of others
  bool is_whole = false;       // networks within 1 % or half a step
  bool is_calibrated = false;
};

constexpr Bounds kFitted{.weighted = 0.01, .mean = 0.025, .p99 = 0.10, .has_no_groups = true};
constexpr Bounds kKnown{.weighted = 0.005, .mean = 0.015, .p99 = 0.06, .has_no_groups = true};
constexpr Bounds kFaulty{.weighted = 0.02,
                         .mean = 0.05,
                         .p99 = 0.20,
                         .least_holds = 0.92,
                         .least_long = 0.92,
                         .most_long = 1};
constexpr Bounds kCoarse{.is_whole = true};
constexpr Bounds kAdversarial{.least_holds = 0.90, .least_long = 0.90, .most_long = 1};
constexpr std::string_view kOverRun = "@run";
constexpr Bounds kGains{.least_holds = 0, .least_long = 0, .most_long = 1, .is_calibrated = true};

struct Case {
  std::string_view name;
  std::vector<std::string_view> faults;  // kOverRun: from its begin to its end
  Bounds bounds;
  double rate_hz = 0;  // 0: the board's
  double jitter = 0;   // of the operators' durations; 0: the simulation's
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"noise-0.1", {"noise:0.1"}, kFitted},
      {"noise-0.3", {"noise:0.3"}, kFitted},
      {"noise-0.5", {"noise:0.5"}, kFitted},
      {"known-0.1", {"noise:0.1", "known-windows"}, kKnown},
      {"known-0.3", {"noise:0.3", "known-windows"}, kKnown},
      {"known-0.5", {"noise:0.5", "known-windows"}, kKnown},
      {"reset", {"conversion:1100"}, kCoarse},
      {"filter", {"conversion:1100", "averages:64"}, kCoarse},
      {"read-errors", {"read-errors:0.01"}, kFaulty},
      {"gap", {"read-errors:1@5-5.2"}, kFaulty},
      {"delay", {"delay:5"}, kFaulty},
      {"drift", {"drift:0.1@run"}, kFaulty},
      {"repeats", {}, kFaulty, 1700},
      {"oscillator", {"oscillator-drift:0.02@run"}, kFaulty},
      {"adversarial", {"varying-power:0.1", "short-operators"}, kAdversarial, 0, 0.2},
      {"calibration", {"gain:0.0025"}, kGains},
  };
  return cases;
}

std::vector<std::string_view> CoverageMisses(const Bounds& b, const Share& holds,
                                             const Share& long_holds) {
  std::vector<std::string_view> missed;
  if (holds.IsBelow(b.least_holds)) missed.push_back("too few intervals hold");
  if (long_holds.IsBelow(b.least_long)) {
    missed.push_back("too few intervals of long operators hold");
  }
  if (b.most_long < 1 && long_holds.IsAbove(b.most_long)) {
    missed.push_back("intervals are too wide");
  }
  return missed;
}

// Prints a case's intervals over all networks and rails; whether they are within the bounds.
bool JudgePool(const Case& c, const Share& holds, const Share& long_holds) {
  fmt::print("{:11} all of it: {:.1f} % of {} intervals hold, {:.1f} % of {} of long operators\n",
             c.name, holds.percent(), holds.all, long_holds.percent(), long_holds.all);
  const auto missed = CoverageMisses(c.bounds, holds, long_holds);
  for (const std::string_view what : missed) fmt::print("  NOT MET: {}\n", what);
  return missed.empty();
}

// Prints the row; whether what is held to bounds row by row is within them.
bool Judge(const Case& c, const std::string& net, const std::string& rail, const Tally& t) {
  const double runs = t.runs;
  const double p99 = t.Quantile(0.99), width = Tally::QuantileOf(t.widths, 0.5);
  fmt::print(
      "{:11} {:11} {:8} {:5.0f} {:8.3f} {:9.2f} {:7.3f} {:7.2f} {:7} {:8.2f} {:6.1f} ({:5}) "
      "{:6.1f} {:5.2f} {:6.1f} {:6.3f} {:6.3f}\n",
      c.name, net, rail, t.steps / runs, 100 * t.weighted / runs, 100 * t.integrated / runs,
      100 * t.Mean(), 100 * p99, t.long_grouped, 100 * t.grouped / runs, t.holds.percent(),
      t.holds.all, t.long_holds.percent(), width, t.whole.percent(), 100 * t.books,
      100 * t.residual);
  std::vector<std::string_view> missed;
  const auto need = [&](bool met, std::string_view what) {
    if (!met) missed.push_back(what);
  };
  const Bounds& b = c.bounds;
  for (const std::string_view what : CoverageMisses(b, t.holds, t.long_holds)) {
    fmt::print("  this row alone: {}\n", what);
  }
  need(!b.is_whole || t.whole.inside == t.whole.all, "a whole network is off");
  need(!b.is_calibrated || t.calibrated.inside == t.calibrated.all, "beyond the calibration");
  if (t.steps / runs >= kStrongSteps) {
    need(t.residual <= kMostBooks, "residual");
    need(t.weighted / runs <= b.weighted, "weighted error");
    need(t.Mean() <= b.mean, "mean error");
    need(p99 <= b.p99, "99th percentile");
    need(!b.has_no_groups || t.long_grouped == 0, "long operators in groups");
    need(!b.has_no_groups || t.grouped / runs <= kMostGrouped, "energy in groups");
    need(!b.has_no_groups || width <= kMostWidth, "width");
    need(!b.has_no_groups || t.books <= kMostBooks, "books");
  }
  for (const std::string_view what : missed) fmt::print("  NOT MET: {}\n", what);
  return missed.empty();
}

// How long the run lasts without faults.
absl::StatusOr<double> RunSeconds(const ZooEntry& entry, const sim::VirtualRunOptions& options) {
  const auto played = Play(entry, options);
  if (!played.ok()) return played.status();
  int64_t last_ns = 0;
  for (const Marker& marker : played->data.markers()) last_ns = std::max(last_ns, marker.end_ns);
  return 1e-9 * static_cast<double>(last_ns);
}

absl::StatusOr<sim::VirtualRunOptions> OptionsOf(const Case& c, const ZooEntry& entry,
                                                 uint64_t seed, uint32_t iterations) {
  sim::VirtualRunOptions options;
  options.board = "sim:jetson-tx1";
  options.seed = seed;
  options.threads = seed % 2 == 1 ? 1 : 4;  // operators of other lengths
  options.iterations = iterations;
  options.rate_hz = c.rate_hz;
  if (c.jitter > 0) options.jitter = c.jitter;
  std::vector<std::string_view> faults = c.faults;
  if (!c.bounds.is_calibrated) faults.push_back("gain:0");
  for (std::string_view text : faults) {
    std::string with_end(text);
    if (text.ends_with(kOverRun)) {
      const auto seconds = RunSeconds(entry, options);
      if (!seconds.ok()) return seconds.status();
      text.remove_suffix(kOverRun.size());
      with_end = fmt::format("{}@0-{:.3f}", text, *seconds);
    }
    auto fault = ParseSimulatedFault(with_end);
    if (!fault.ok()) return fault.status();
    options.faults.push_back(*std::move(fault));
  }
  return options;
}

// By rail.
absl::StatusOr<std::map<std::string, Tally>> Run(const Case& c, const std::string& net,
                                                 uint64_t seeds, uint32_t iterations) {
  const auto entry = FindModel(net);
  if (!entry.ok()) return entry.status();
  std::map<std::string, Tally> tallies;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto options = OptionsOf(c, **entry, seed, iterations);
    if (!options.ok()) return options.status();
    const auto played = Play(**entry, *options);
    if (!played.ok()) return played.status();
    const LeastSquares ls = SolveLeastSquares(played->data);
    const Attribution plain = Solve(played->data);
    for (const RailEnergy& rail : ls.rails) {
      if (!rail.why_not.empty()) {
        return absl::InternalError(fmt::format("{}: {}", rail.rail, rail.why_not));
      }
      const auto at = std::ranges::find(plain.rails, rail.rail) - plain.rails.begin();
      tallies[rail.rail].Add(TruthOf(played->truth, rail.rail), ls, rail, plain,
                             static_cast<size_t>(at));
    }
  }
  return tallies;
}

int Main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: accuracy_bar CASES NETS SEEDS ITERATIONS\n");
    return 2;
  }
  const uint64_t seeds = std::strtoull(argv[3], nullptr, 10);
  const auto iterations = static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10));
  fmt::print(
      "SIMULATED, virtual time, sim:jetson-tx1, 1 and 4 threads, {} boards, {} iterations; in %\n",
      seeds, iterations);
  fmt::print(
      "{:11} {:11} {:8} {:>5} {:>8} {:>9} {:>7} {:>7} {:>7} {:>8} {:>6} {:7} {:>6} {:>5} "
      "{:>6} {:>6} {:>6}\n",
      "case", "network", "rail", "steps", "weighted", "integrate", "mean", "p99", "grouped",
      "energy", "holds", "", "long", "width", "whole", "books", "resid.");
  bool met = true;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(argv[1], ','))) {
    const auto c = std::ranges::find(Cases(), name, &Case::name);
    if (c == Cases().end()) {
      fmt::print(stderr, "no case {}\n", name);
      return 2;
    }
    Share holds, long_holds;
    for (const std::string& net : std::vector<std::string>(absl::StrSplit(argv[2], ','))) {
      const auto tallies = Run(*c, net, seeds, iterations);
      if (!tallies.ok()) {
        fmt::print(stderr, "{}, {}: {}\n", name, net, tallies.status().ToString());
        return 1;
      }
      for (const auto& [rail, tally] : *tallies) {
        met = Judge(*c, net, rail, tally) && met;
        holds += tally.holds;
        long_holds += tally.long_holds;
      }
    }
    met = JudgePool(*c, holds, long_holds) && met;
  }
  fmt::print("{}\n", met ? "met" : "NOT MET");
  return met ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }
