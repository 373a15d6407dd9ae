// How well the energies of operators are known: SIMULATED runs in virtual time, where the truth is
// at hand. Each run is another board (oscillator, gain, phase), other noise and durations.
//
//   accuracy_bar NETS SEEDS ITERATIONS [FAULT ...]
//
// The truth of an operator is the realised mean over its own executions in the run. The chips'
// gains are exact here: what they are off by is the calibration's, not the interval's.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/models/zoo.h"
#include "common/attribution/integrate.h"
#include "common/attribution/least_squares.h"
#include "common/files.h"
#include "daemon/sampling/spool.h"
#include "daemon/sim/virtual_run.h"

namespace synergy {
namespace {

constexpr double kLongS = 100e-6;
constexpr double kStrongSteps = 10;  // of dynamic power
constexpr double kMostWeighted = 0.01;
constexpr double kMostMean = 0.025;
constexpr double kMostP99 = 0.10;
constexpr double kMostGrouped = 0.02;
constexpr double kLeastCoverage = 0.93;
constexpr double kFalseAlarms = 0.01;

struct Truth {
  std::map<uint32_t, double> energy_j, seconds;  // mean of an execution
  double total_j = 0;                            // of all
};

Truth TruthOf(const v1::RunTruth& truth, const std::string& rail) {
  Truth mean;
  const auto place = std::ranges::find(truth.rails(), rail) - truth.rails().begin();
  std::map<uint32_t, double> executions;
  for (const v1::OperatorTruth& op : truth.operators()) {
    mean.energy_j[op.op()] += op.energy_j(static_cast<int>(place));
    mean.seconds[op.op()] += 1e-9 * static_cast<double>(op.end_ns() - op.begin_ns());
    executions[op.op()] += 1;
  }
  for (auto& [op, count] : executions) {
    mean.total_j += mean.energy_j[op];
    mean.energy_j[op] /= count;
    mean.seconds[op] /= count;
  }
  return mean;
}

// Pooled over runs.
struct Tally {
  double weighted = 0, integrated = 0, grouped = 0, whole = 0, steps = 0;  // sums over runs
  int runs = 0;
  std::vector<double> long_errors;
  int long_grouped = 0;
  int inside = 0, all = 0, long_inside = 0;

  void Add(const Truth& truth, const LeastSquares& ls, const RailEnergy& rail,
           const Attribution& plain, size_t plain_rail);
};

bool Holds(const Estimate& e, double truth) { return e.low <= truth && truth <= e.high; }

void Tally::Add(const Truth& truth, const LeastSquares& ls, const RailEnergy& rail,
                const Attribution& plain, size_t plain_rail) {
  double error = 0, energy = 0, in_groups = 0, plain_error = 0;
  for (size_t i = 0; i < ls.ops.size(); ++i) {
    const double j = truth.energy_j.at(ls.ops[i]);
    const bool is_long = truth.seconds.at(ls.ops[i]) >= kLongS;
    energy += j;
    if (!rail.ops[i].energy_j) {
      in_groups += j;
      long_grouped += is_long ? 1 : 0;
      continue;
    }
    const Estimate& e = *rail.ops[i].energy_j;
    error += std::abs(e.mean - j);
    ++all;
    inside += Holds(e, j) ? 1 : 0;
    if (!is_long) continue;
    long_errors.push_back(std::abs(e.mean - j) / j);
    long_inside += Holds(e, j) ? 1 : 0;
  }
  for (const GroupEnergy& group : rail.groups) {
    double j = 0;
    for (const uint32_t op : group.ops) j += truth.energy_j.at(op);
    ++all;
    inside += Holds(group.energy_j, j) ? 1 : 0;
  }
  for (const OperatorResult& op : plain.ops) {
    const double j = truth.energy_j.at(op.op);
    plain_error += std::abs(op.mean_energy_j[plain_rail].value_or(0) - j);
  }
  ++runs;
  double seconds = 0;
  for (const auto& [op, s] : truth.seconds) seconds += s;
  steps += (energy / seconds - (rail.idle_w ? rail.idle_w->mean : 0)) / rail.step_w;
  weighted += error / energy;
  integrated += plain_error / energy;
  grouped += in_groups / energy;
  whole += std::abs(rail.inference_j.mean / energy - 1);
}

struct Played {
  RunData data;
  v1::RunTruth truth;
  double sim_s = 0;
};

absl::StatusOr<Played> Play(const ZooEntry& entry, sim::VirtualRunOptions options,
                            const std::string& path) {
  Played played;
  const absl::StatusOr<Model> model = entry.build(1, 1);
  if (!model.ok()) return model.status();
  auto run = sim::PlayVirtualRun(options, *model, 1, path);
  if (!run.ok()) return run.status();
  played.truth = std::move(run->truth);
  absl::StatusOr<UniqueFd> file = OpenForReading(path);
  if (!file.ok()) return file.status();
  SpoolReader reader(*std::move(file));
  v1::Chunk chunk;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&chunk);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (absl::Status added = played.data.Add(chunk); !added.ok()) return added;
  }
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".truth");
  return played;
}

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(values.size())))];
}

// P(at most `inside` of `all` intervals hold), were each to hold with `p`.
double BinomialTail(int inside, int all, double p) {
  double sum = 0;
  for (int k = 0; k <= inside; ++k) {
    sum += std::exp(std::lgamma(all + 1) - std::lgamma(k + 1) - std::lgamma(all - k + 1) +
                    k * std::log(p) + (all - k) * std::log1p(-p));
  }
  return sum;
}

// Prints the row; whether it is within the bars.
bool Judge(const std::string& net, const std::string& rail, const Tally& t) {
  const double runs = t.runs;
  const auto count = static_cast<double>(t.long_errors.size());
  double mean = 0;
  for (const double e : t.long_errors) mean += e / count;
  const double p99 = Quantile(t.long_errors, 0.99);
  fmt::print(
      "{:11} {:8} {:5.0f} {:9.3f} {:9.2f} {:7.3f} {:7.2f} {:8} {:9.2f} {:6.1f} ({:5}) {:6.1f} "
      "{:8.3f}\n",
      net, rail, t.steps / runs, 100 * t.weighted / runs, 100 * t.integrated / runs, 100 * mean,
      100 * p99, t.long_grouped, 100 * t.grouped / runs, 100.0 * t.inside / t.all, t.all,
      100.0 * t.long_inside / count, 100 * t.whole / runs);
  bool ok = BinomialTail(t.inside, t.all, kLeastCoverage) >= kFalseAlarms;
  if (t.steps / runs < kStrongSteps) return ok;
  ok = ok && t.weighted / runs <= kMostWeighted && mean <= kMostMean && p99 <= kMostP99;
  return ok && t.long_grouped == 0 && t.grouped / runs <= kMostGrouped;
}

int Main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "accuracy_bar NETS SEEDS ITERATIONS [FAULT ...]\n");
    return 2;
  }
  std::vector<SimulatedFault> faults;
  for (int i = 4; i < argc; ++i) {
    auto fault = ParseSimulatedFault(argv[i]);
    if (!fault.ok()) {
      fmt::print(stderr, "{}\n", fault.status().ToString());
      return 2;
    }
    faults.push_back(*std::move(fault));
  }
  fmt::print("SIMULATED, virtual time, sim:jetson-tx1, 4 threads; errors in %\n");
  fmt::print("{:11} {:8} {:>5} {:>9} {:>9} {:>7} {:>7} {:>8} {:>9} {:>6} {:7} {:>6} {:>8}\n",
             "network", "rail", "steps", "weighted", "integrate", "mean", "p99", "grouped",
             "in groups", "holds", "", "long", "whole");
  bool ok = true;
  std::string nets = argv[1];
  const std::string folder = std::filesystem::temp_directory_path().string();
  for (size_t from = 0; from < nets.size();) {
    const size_t comma = std::min(nets.find(',', from), nets.size());
    const std::string net = nets.substr(from, comma - from);
    from = comma + 1;
    const auto entry = FindModel(net);
    if (!entry.ok()) {
      fmt::print(stderr, "{}\n", entry.status().ToString());
      return 2;
    }
    std::map<std::string, Tally> tallies;
    double seconds = 0;
    for (uint64_t seed = 1; seed <= std::strtoull(argv[2], nullptr, 10); ++seed) {
      sim::VirtualRunOptions options;
      options.board = "sim:jetson-tx1";
      options.seed = seed;
      options.threads = 4;
      options.iterations = static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 10));
      options.faults = faults;
      options.faults.push_back(*ParseSimulatedFault("gain:0"));
      auto played = Play(**entry, options, fmt::format("{}/accuracy-{}.spool", folder, getpid()));
      if (!played.ok()) {
        fmt::print(stderr, "{}\n", played.status().ToString());
        return 1;
      }
      const auto begin = std::chrono::steady_clock::now();
      const LeastSquares ls = SolveLeastSquares(played->data);
      seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      const Attribution plain = Solve(played->data);
      for (const RailEnergy& rail : ls.rails) {
        if (!rail.why_not.empty()) {
          fmt::print("{} {}: {}\n", net, rail.rail, rail.why_not);
          continue;
        }
        const auto at = std::ranges::find(plain.rails, rail.rail) - plain.rails.begin();
        const Truth truth = TruthOf(played->truth, rail.rail);
        tallies[rail.rail].Add(truth, ls, rail, plain, static_cast<size_t>(at));
      }
    }
    for (const auto& [rail, tally] : tallies) ok = Judge(net, rail, tally) && ok;
    fmt::print("{:11} {:.2f} s to solve a run\n", net, seconds / std::strtod(argv[2], nullptr));
  }
  fmt::print(
      "bars, free-running windows, rails of {:.0f} steps and more: weighted {} %, mean {} %, "
      "p99 {} %, none of 100 us and more in a group, groups {} % of the energy; all rails: "
      "intervals hold in {} % (false alarms {} %): {}\n",
      kStrongSteps, 100 * kMostWeighted, 100 * kMostMean, 100 * kMostP99, 100 * kMostGrouped,
      100 * kLeastCoverage, 100 * kFalseAlarms, ok ? "met" : "NOT MET");
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }
