#include "client/analysis/run_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "common/sha256.h"

namespace synergy {
namespace {

constexpr double kNormal975 = 1.959963984540054;

std::optional<RunValue> Known(double mean, std::optional<double> half_width) {
  if (!(mean > 0)) return std::nullopt;
  RunValue value{.log = std::log(mean), .sd = std::nullopt};
  if (half_width) value.sd = *half_width / kNormal975 / mean;
  return value;
}

std::optional<RunValue> OfTime(const MeanWithInterval& time_s) {
  if (!time_s.ci95) return Known(time_s.mean, std::nullopt);
  return Known(time_s.mean, 0.5 * (time_s.ci95->high - time_s.ci95->low));
}

// An energy's own interval has the sensor's errors on what was executed. What differs from one
// iteration to the next, which the times tell, moves the energy at least as much.
std::optional<RunValue> Scattering(std::optional<RunValue> energy,
                                   const std::optional<RunValue>& time) {
  if (energy && time && time->sd) energy->sd = std::hypot(energy->sd.value_or(0), *time->sd);
  return energy;
}

// Errors of the two may go together: at worst they add up.
std::optional<RunValue> Product(const std::optional<RunValue>& a,
                                const std::optional<RunValue>& b) {
  if (!a || !b) return std::nullopt;
  RunValue product{.log = a->log + b->log, .sd = std::nullopt};
  if (a->sd && b->sd) product.sd = *a->sd + *b->sd;
  return product;
}

std::optional<RunValue> Of(Metric metric, const std::optional<RunValue>& energy,
                           const std::optional<RunValue>& time) {
  if (metric == Metric::kTime) return time;
  const std::optional<RunValue> scattering = Scattering(energy, time);
  return metric == Metric::kEnergy ? scattering : Product(scattering, time);
}

std::optional<RunValue> EnergyOf(const InferenceReport& inference) {
  if (!inference.energy_j) return std::nullopt;
  return Known(inference.energy_j->mean, inference.has_interval
                                             ? std::optional(inference.energy_j->half_width())
                                             : std::nullopt);
}

std::optional<RunValue> EnergyOf(const GroupReport& group, size_t rail) {
  if (rail < group.estimate.size() && group.estimate[rail]) {
    return Known(group.estimate[rail]->mean, group.estimate[rail]->half_width());
  }
  if (rail >= group.energy_j.size() || !group.energy_j[rail]) return std::nullopt;
  return Known(*group.energy_j[rail], std::nullopt);
}

std::optional<RunValue> EnergyOf(const OpReport& op, size_t rail) {
  if (rail < op.estimate.size() && op.estimate[rail] && op.estimate[rail]->energy_j) {
    const Estimate& energy = *op.estimate[rail]->energy_j;
    return Known(energy.mean, energy.half_width());
  }
  if (rail >= op.result.mean_energy_j.size() || !op.result.mean_energy_j[rail]) return std::nullopt;
  return Known(*op.result.mean_energy_j[rail], std::nullopt);
}

// "c0ffee01": enough to tell networks apart for people.
std::string NetworkOf(const RunReport& report) {
  Sha256 hash;
  for (const OpReport& op : report.ops) {
    hash.Update(fmt::format("{}\n{}\n{}\n", op.result.op, op.info.name(), op.info.type()));
    for (const auto& shapes : {op.info.inputs(), op.info.outputs()}) {
      for (const v1::TensorShape& shape : shapes) {
        // The first dimension is the batch's.
        for (int i = 1; i < shape.dims_size(); ++i) hash.Update(fmt::format("{} ", shape.dims(i)));
        hash.Update(";");
      }
    }
  }
  hash.Update(report.header.job().weights().sha256());
  std::string text;
  for (const char c : hash.Finish().substr(0, 4)) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return fmt::format("{} ({})", report.header.job().net_name(), text);
}

std::string ClocksOf(const RunReport& report) {
  if (!report.header.job().has_clocks()) return "as they are";
  return report.header.job().clocks().ShortDebugString();
}

// With a precision it is the board that decides on them.
std::string IterationsOf(const RunReport& report) {
  const double precision = report.header.job().precision();
  return precision > 0 ? fmt::format("until {:g} %", 100 * precision)
                       : fmt::to_string(report.attribution.iterations);
}

// Two readings of one clock differ by less: some CPUs say what they really run at, to the kHz.
constexpr double kSameClock = 0.02;

// Clocks whose highest in the measured phase was another in the other run.
std::optional<RunDifference> RanDifferently(const RunReport& a, const RunReport& b) {
  RunDifference difference{.what = "highest clock", .a = "", .b = ""};
  for (const ClockRange& of_a : a.conditions.clocks) {
    const auto of_b = std::ranges::find(b.conditions.clocks, of_a.clock, &ClockRange::clock);
    if (of_b == b.conditions.clocks.end() || !of_a.highest_hz || !of_b->highest_hz) continue;
    const auto hz_a = static_cast<double>(*of_a.highest_hz);
    const auto hz_b = static_cast<double>(*of_b->highest_hz);
    if (std::abs(hz_a - hz_b) <= kSameClock * std::max(hz_a, hz_b)) continue;
    for (auto& [text, hz] : {std::pair(&difference.a, hz_a), std::pair(&difference.b, hz_b)}) {
      *text += fmt::format("{}{} {:.0f} MHz", text->empty() ? "" : ", ", of_a.clock, 1e-6 * hz);
    }
  }
  if (difference.a.empty()) return std::nullopt;
  return difference;
}

}  // namespace

std::string_view MetricName(Metric metric) {
  if (metric == Metric::kEnergy) return "energy";
  return metric == Metric::kTime ? "time" : "edp";
}

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kNetwork:
      return "network";
    case Level::kType:
      return "type";
    case Level::kModule:
      return "module";
    case Level::kOperator:
      return "operator";
  }
  return "";
}

std::vector<NamedValue> ValuesOf(const RunReport& report, size_t rail, Metric metric) {
  std::vector<NamedValue> values;
  const auto& iteration = report.attribution.iteration_time_s;
  values.push_back(
      {Level::kNetwork, "",
       Of(metric,
          rail < report.per_inference.size() ? EnergyOf(report.per_inference[rail]) : std::nullopt,
          iteration ? OfTime(*iteration) : std::nullopt)});
  for (const auto& [level, groups] :
       {std::pair(Level::kType, &report.types), std::pair(Level::kModule, &report.modules)}) {
    for (const GroupReport& group : *groups) {
      values.push_back({level, group.name,
                        Of(metric, EnergyOf(group, rail), Known(group.time_s, std::nullopt))});
    }
  }
  std::map<std::string, int> seen;
  for (const OpReport& op : report.ops) {
    const int time = ++seen[op.info.name()];
    values.push_back({Level::kOperator,
                      time == 1 ? op.info.name() : fmt::format("{}#{}", op.info.name(), time),
                      Of(metric, EnergyOf(op, rail), OfTime(op.result.time_s))});
  }
  return values;
}

std::vector<RunDifference> DifferencesOf(const RunReport& a, const RunReport& b) {
  std::vector<RunDifference> differences;
  const auto add = [&](const char* what, const std::string& of_a, const std::string& of_b,
                       bool compares_otherwise) {
    if (of_a != of_b) differences.push_back({what, of_a, of_b, compares_otherwise});
  };
  const v1::JobSpec &job_a = a.header.job(), &job_b = b.header.job();
  const auto board = [](const RunReport& report) {
    return fmt::format("{} ({})", report.header.board().name(), report.header.board().board_id());
  };
  const auto engine = [](const RunReport& report) {
    return fmt::format("{} {}", report.header.job().engine(), report.header.engine_version());
  };
  add("network", NetworkOf(a), NetworkOf(b), job_a.net_name() != job_b.net_name());
  add("batch", fmt::to_string(job_a.batch()), fmt::to_string(job_b.batch()), true);
  add("board", board(a), board(b), false);
  add("engine", engine(a), engine(b), false);
  add("threads", fmt::to_string(job_a.threads()), fmt::to_string(job_b.threads()), false);
  add("clocks", ClocksOf(a), ClocksOf(b), false);
  if (const auto ran = RanDifferently(a, b)) differences.push_back(*ran);
  add("iterations", IterationsOf(a), IterationsOf(b), false);
  add("method", a.method, b.method, false);
  return differences;
}

}  // namespace synergy
