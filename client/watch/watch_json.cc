#include "client/watch/watch_json.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json OrNull(bool known, ordered_json value) {
  return known ? std::move(value) : ordered_json(nullptr);
}

ordered_json RailsJson(const BoardState& state) {
  ordered_json rails = ordered_json::array();
  for (const v1::RailPower& rail : state.point->rails()) {
    const bool known = rail.readings() > 0;
    ordered_json json;
    json["rail"] = rail.rail();
    json["min_w"] = OrNull(known, rail.min_w());
    json["mean_w"] = OrNull(known, rail.mean_w());
    json["max_w"] = OrNull(known, rail.max_w());
    json["readings"] = rail.readings();
    rails.push_back(std::move(json));
  }
  const size_t count = std::min(rails.size(), state.history.rails().size());
  for (size_t i = 0; i < count; ++i) rails[i]["energy_j"] = state.history.energy_j(i);
  return rails;
}

ordered_json JobJson(const BoardState& state) {
  const v1::TelemetryPoint& point = *state.point;
  if (point.run_id().empty()) return nullptr;
  const v1::JobStatus* job = RunningJob(state);
  ordered_json json;
  json["id"] = point.run_id();
  json["net"] = OrNull(job != nullptr, job != nullptr ? job->spec().net_name() : "");
  json["phase"] = PhaseName(point.phase());
  json["iteration"] = OrNull(point.iteration() > 0, point.iteration());
  json["op"] = OrNull(point.in_operator(), point.op_index());
  const std::string name = OperatorNow(state);
  json["op_name"] = OrNull(!name.empty(), name);
  return json;
}

ordered_json ClocksJson(const BoardState& state) {
  ordered_json clocks = ordered_json::array();
  if (!state.clocks) return clocks;
  for (const v1::CpuPolicyState& policy : state.clocks->policies()) {
    const bool known = policy.active() && policy.current_khz() > 0;
    clocks.push_back({{"clock", policy.name()},
                      {"hz", OrNull(known, policy.current_khz() * 1000)},
                      {"pinned", policy.min_khz() > 0 && policy.min_khz() == policy.max_khz()}});
  }
  for (const v1::DeviceClockState& device : state.clocks->devices()) {
    clocks.push_back({{"clock", device.name()},
                      {"hz", OrNull(device.current_hz() > 0, device.current_hz())},
                      {"pinned", device.min_hz() > 0 && device.min_hz() == device.max_hz()}});
  }
  return clocks;
}

ordered_json TemperaturesJson(const BoardState& state) {
  ordered_json zones = ordered_json::array();
  for (const auto& [zone, celsius] : state.temperature_c) {
    zones.push_back({{"zone", zone}, {"temperature_c", celsius}});
  }
  return zones;
}

ordered_json CoresJson(const RecentRate& cpu) {
  return cpu.per_ns() ? ordered_json(*cpu.per_ns()) : ordered_json(nullptr);
}

// Of the run whose records are followed.
ordered_json SamplerJson(const WatchedRun& run) {
  if (run.readings == 0) return nullptr;
  ordered_json json;
  json["requested_hz"] = run.requested_hz;
  json["readings"] = run.readings;
  json["fresh"] = run.fresh;
  json["repeats"] = run.repeats;
  json["missed"] = run.missed;
  json["failed"] = run.failed;
  json["dropped"] = run.dropped;
  return json;
}

ordered_json EstimateJson(const Estimate& estimate) {
  return {{"mean", estimate.mean}, {"ci95", {estimate.low, estimate.high}}};
}

ordered_json RailEnergyJson(const WatchedRun& run, const RailEnergy& rail) {
  ordered_json json;
  json["rail"] = rail.rail;
  json["why_not"] = OrNull(!rail.why_not.empty(), rail.why_not);
  if (!rail.why_not.empty()) return json;
  json["inference_j"] = EstimateJson(rail.inference_j);
  json["ops"] = ordered_json::array();
  for (size_t i = 0; i < rail.ops.size(); ++i) {
    if (!rail.ops[i].energy_j) continue;
    const uint32_t op = run.energies->ops[i];
    const bool named = op < run.operators.size();
    json["ops"].push_back({{"op", op},
                           {"name", OrNull(named, named ? run.operators[op].name() : "")},
                           {"energy_j", EstimateJson(*rail.ops[i].energy_j)}});
  }
  json["groups"] = ordered_json::array();
  for (const GroupEnergy& group : rail.groups) {
    json["groups"].push_back({{"ops", group.ops}, {"energy_j", EstimateJson(group.energy_j)}});
  }
  return json;
}

ordered_json EnergiesJson(const WatchedRun& run) {
  if (!run.energies) return nullptr;
  ordered_json json;
  json["iterations"] = run.iterations;
  json["rails"] = ordered_json::array();
  for (const RailEnergy& rail : run.energies->rails) {
    json["rails"].push_back(RailEnergyJson(run, rail));
  }
  return json;
}

}  // namespace

ordered_json WatchJson(const BoardState& state, bool with_energies) {
  ordered_json json;
  json["schema_version"] = kReportSchemaVersion;
  json["host"] = state.host;
  json["board"] = state.board.name();
  json["simulated"] = state.board.simulated() || state.point->simulated();
  json["begin_ns"] = state.point->begin_ns();
  json["end_ns"] = state.point->end_ns();
  json["rails"] = RailsJson(state);
  json["job"] = JobJson(state);
  json["queued"] = std::ranges::count_if(
      state.jobs, [](const v1::JobStatus& j) { return j.state() == v1::JOB_STATE_QUEUED; });
  json["clocks"] = ClocksJson(state);
  json["temperatures"] = TemperaturesJson(state);
  json["throttled"] = Throttled(state);
  json["sampler"] = SamplerJson(state.run);
  json["energies"] = with_energies ? EnergiesJson(state.run) : ordered_json(nullptr);
  json["records_why_not"] = OrNull(!state.run.why_not.empty(), state.run.why_not);
  json["lost"] = state.point->lost();
  json["bytes"] = state.bytes;
  json["daemon_cores"] = CoresJson(state.daemon);
  json["front_cores"] = CoresJson(state.front);
  return json;
}

}  // namespace synergy
