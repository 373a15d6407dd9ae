#include "client/analysis/phase_energies.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "client/analysis/estimates.h"
#include "client/analysis/report_names.h"
#include "client/analysis/whole_rails.h"
#include "common/attribution/mean_interval.h"
#include "common/records/resolution.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

Estimate Around(double mean, double half) { return {mean, mean - half, mean + half}; }

// What a reading of the rail takes together, in seconds; 0: not known.
double WindowOf(const RunReport& report, const std::string& rail) {
  for (const v1::ChannelInfo& channel : report.header.channels()) {
    if (channel.rail() != rail || channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) continue;
    return WindowLength(channel.window()).value_or(0);
  }
  return 0;
}

// Of a rail's power over a phase: the mean of the readings in it, and how well that is known.
// Nothing where fewer than two are independent.
std::optional<double> HalfWidthW(const RailPower& rail, const TimeWindow& window, double window_s,
                                 double step_w) {
  double n = 0, sum = 0, squares = 0;
  for (const PowerSample& s : rail.samples) {
    if (s.at_ns < window.begin_ns || s.at_ns >= window.end_ns) continue;
    n += 1;
    sum += s.power_w;
    squares += s.power_w * s.power_w;
  }
  const double span_s = static_cast<double>(window.end_ns - window.begin_ns) * 1e-9;
  const double independent = window_s > 0 ? std::min(n, std::floor(span_s / window_s)) : n;
  if (independent < 2) return std::nullopt;
  const double variance = std::max(0.0, (squares - sum * sum / n) / (n - 1));
  const double t = StudentT975(static_cast<uint64_t>(independent) - 1);
  return std::hypot(t * std::sqrt(variance / independent), 0.5 * step_w);
}

// One phase on one rail.
std::optional<Estimate> Integrated(const RunReport& report, const PhaseTotal& total,
                                   const std::optional<TimeWindow>& window, const RailPower& rail,
                                   size_t place) {
  if (!window || !total.energy_j[place]) return std::nullopt;
  const bool known = place < report.estimates.size() && report.estimates[place].has_value();
  const double step_w = known ? report.estimates[place]->step_w : 0;
  const std::optional<double> half = HalfWidthW(rail, *window, WindowOf(report, rail.rail), step_w);
  if (!half) return std::nullopt;
  return Around(*total.energy_j[place], *half * total.time_s);
}

// The time in no operator: between measured ones at that power, the rest at that of the idle
// phases. Their errors are added, as if one were the other's.
std::optional<Estimate> Idle(const RailEnergy& rail, double idle_s) {
  const std::optional<Estimate>& between = rail.between_w;
  const std::optional<Estimate> rest = rail.idle_w ? rail.idle_w : between;
  if (!rest) return std::nullopt;
  const double between_s =
      between && between->mean > 0 ? std::min(idle_s, rail.between_j / between->mean) : 0;
  const double rest_s = idle_s - between_s;
  return Around(
      (between_s > 0 ? between_s * between->mean : 0) + rest_s * rest->mean,
      (between_s > 0 ? between_s * between->half_width() : 0) + rest_s * rest->half_width());
}

// The estimates take the place of the integrals, and what they leave of the whole stands beside
// them.
void CloseTotals(size_t rail, RunReport* report) {
  const std::optional<RailEnergy>& estimate = report->estimates[rail];
  if (!estimate || !estimate->why_not.empty()) return;
  Attribution& totals = report->attribution;
  const double times = estimate->inference_j.mean > 0
                           ? estimate->operators_j / estimate->inference_j.mean
                           : static_cast<double>(totals.iterations);
  report->phases.inference[rail] =
      Around(estimate->operators_j, times * estimate->inference_j.half_width());
  report->phases.idle[rail] = Idle(*estimate, totals.idle.time_s);
  totals.inference.energy_j[rail] = estimate->operators_j;
  const std::optional<double>& all = totals.all.energy_j[rail];
  const std::optional<double>& setup = totals.setup.energy_j[rail];
  const std::optional<double>& warmup = totals.warmup.energy_j[rail];
  std::optional<double>& idle = totals.idle.energy_j[rail];
  idle.reset();
  std::optional<double> left;
  if (all && setup && warmup) left = *all - *setup - *warmup - estimate->operators_j;
  if (report->phases.idle[rail]) {
    idle = report->phases.idle[rail]->mean;
    if (left) report->phases.unattributed_j[rail] = *left - *idle;
  } else {
    idle = left;
  }
}

// Of the inverse of what `energy` is, times `factor`.
std::optional<Estimate> Per(double factor, const Estimate& energy) {
  if (!(energy.low > 0)) return std::nullopt;
  return Estimate{factor / energy.mean, factor / energy.high, factor / energy.low};
}

InferenceReport InferenceOn(const RunReport& report, size_t rail) {
  const Attribution& totals = report.attribution;
  const bool estimated = rail < report.estimates.size() && report.estimates[rail] &&
                         report.estimates[rail]->why_not.empty();
  if (estimated) return InferenceOf(report, report.estimates[rail]->inference_j, true);
  if (!totals.inference.energy_j[rail] || totals.iterations == 0) return {};
  const double mean_j = *totals.inference.energy_j[rail] / static_cast<double>(totals.iterations);
  return InferenceOf(report, Around(mean_j, 0), false);
}

std::optional<int64_t> FlopsOf(const RunReport& report) {
  int64_t flops = 0;
  for (const OpReport& op : report.ops) {
    if (!op.info.has_cost() || __builtin_add_overflow(flops, op.info.flops(), &flops)) {
      return std::nullopt;
    }
  }
  if (report.ops.empty()) return std::nullopt;
  return flops;
}

template <typename T>
ordered_json OrNull(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json TotalJson(const RunReport& report, const PhaseTotal& total,
                       const PhaseEnergies::ByRail* known) {
  ordered_json json;
  json["time_s"] = total.time_s;
  json["energy_j"] = ordered_json::object();
  for (size_t i = 0; i < report.rails().size(); ++i) {
    json["energy_j"][report.rails()[i]] = OrNull(total.energy_j[i]);
  }
  if (known == nullptr) return json;
  json["energy_ci95_j"] = ordered_json::object();
  for (size_t i = 0; i < report.rails().size(); ++i) {
    const std::optional<Estimate>& e = (*known)[i];
    json["energy_ci95_j"][report.rails()[i]] = e ? EstimateJson(*e)["ci95"] : ordered_json(nullptr);
  }
  return json;
}

// {mean, ci95}, of which the latter may be null.
ordered_json WithInterval(const std::optional<Estimate>& value, bool has_interval) {
  if (!value) return nullptr;
  ordered_json json = EstimateJson(*value);
  if (!has_interval) json["ci95"] = nullptr;
  return json;
}

constexpr const char* kOfInference[] = {"energy_j", "energy_delay_js", "inferences_per_j",
                                        "gflops_per_s_per_w"};

// In the order of kOfInference.
std::array<ordered_json, std::size(kOfInference)> InferenceJson(const InferenceReport& one) {
  return {WithInterval(one.energy_j, one.has_interval), OrNull(one.energy_delay_js),
          WithInterval(one.inferences_per_j, one.has_interval),
          WithInterval(one.gflops_per_s_per_w, one.has_interval)};
}

ordered_json WholeJson(const RunReport& report) {
  if (!report.whole) return nullptr;
  ordered_json json;
  json["name"] = WholeName(report, *report.whole);
  json["rails"] = ordered_json::array();
  for (const size_t rail : report.whole->rails) json["rails"].push_back(report.rails()[rail]);
  json["scope"] = ScopeName(report.whole->scope);
  auto values = InferenceJson(report.whole->inference);
  for (size_t i = 0; i < values.size(); ++i) json[kOfInference[i]] = std::move(values[i]);
  json["calibration"] = OrNull(report.whole->calibration);
  return json;
}

ordered_json PerInferenceJson(const RunReport& report) {
  ordered_json json;
  json["flops"] = OrNull(report.flops);
  for (const char* key : kOfInference) json[key] = ordered_json::object();
  for (size_t rail = 0; rail < report.per_inference.size(); ++rail) {
    auto values = InferenceJson(report.per_inference[rail]);
    for (size_t i = 0; i < values.size(); ++i) {
      json[kOfInference[i]][report.rails()[rail]] = std::move(values[i]);
    }
  }
  json["whole"] = WholeJson(report);
  return json;
}

}  // namespace

InferenceReport InferenceOf(const RunReport& report, const Estimate& energy_j, bool has_interval) {
  InferenceReport out;
  out.energy_j = energy_j;
  out.has_interval = has_interval;
  if (report.attribution.iteration_time_s) {
    out.energy_delay_js = energy_j.mean * report.attribution.iteration_time_s->mean;
  }
  out.inferences_per_j = Per(1, energy_j);
  if (report.flops) {
    out.gflops_per_s_per_w = Per(1e-9 * static_cast<double>(*report.flops), energy_j);
  }
  return out;
}

void AddPhases(const std::vector<RailPower>& rails, RunReport* report) {
  const size_t count = report->rails().size();
  PhaseEnergies& phases = report->phases;
  for (PhaseEnergies::ByRail* of :
       {&phases.setup, &phases.warmup, &phases.inference, &phases.idle}) {
    of->resize(count);
  }
  phases.unattributed_j.resize(count);
  report->flops = FlopsOf(*report);
  const Attribution& totals = report->attribution;
  for (size_t i = 0; i < std::min(count, rails.size()); ++i) {
    phases.setup[i] = Integrated(*report, totals.setup, totals.setup_window, rails[i], i);
    phases.warmup[i] = Integrated(*report, totals.warmup, totals.warmup_window, rails[i], i);
  }
  for (size_t i = 0; i < report->estimates.size(); ++i) CloseTotals(i, report);
  for (size_t i = 0; i < count; ++i) report->per_inference.push_back(InferenceOn(*report, i));
}

void AddPhasesJson(const RunReport& report, ordered_json* document) {
  const Attribution& totals = report.attribution;
  const PhaseEnergies& phases = report.phases;
  ordered_json& json = (*document)["totals"];
  json["setup"] = TotalJson(report, totals.setup, &phases.setup);
  json["warmup"] = TotalJson(report, totals.warmup, &phases.warmup);
  json["inference"] = TotalJson(report, totals.inference, &phases.inference);
  json["idle"] = TotalJson(report, totals.idle, &phases.idle);
  json["unattributed"]["energy_j"] = ordered_json::object();
  for (size_t i = 0; i < report.rails().size(); ++i) {
    json["unattributed"]["energy_j"][report.rails()[i]] = OrNull(phases.unattributed_j[i]);
  }
  json["all"] = TotalJson(report, totals.all, nullptr);
  (*document)["per_inference"] = PerInferenceJson(report);
}

}  // namespace synergy
