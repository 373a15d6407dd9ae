#include "client/watch/board_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
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

void SeeThrottle(const std::string& what, uint64_t value, BoardState* state) {
  state->throttles.try_emplace(what, Throttle{value, value}).first->second.now = value;
}

ordered_json TemperaturesJson(const BoardState& state) {
  ordered_json zones = ordered_json::array();
  for (const auto& [zone, celsius] : state.temperature_c) {
    zones.push_back({{"zone", zone}, {"temperature_c", celsius}});
  }
  return zones;
}

ordered_json ShareJson(const CpuShare& share) {
  return share.cores() ? ordered_json(*share.cores()) : ordered_json(nullptr);
}

}  // namespace

const v1::JobStatus* RunningJob(const BoardState& state) {
  const auto job = std::ranges::find_if(
      state.jobs, [](const v1::JobStatus& j) { return j.state() == v1::JOB_STATE_RUNNING; });
  return job == state.jobs.end() ? nullptr : &*job;
}

std::string OperatorNow(const BoardState& state) {
  if (!state.point || !state.point->in_operator()) return "";
  if (state.point->run_id() != state.run.run_id) return "";
  const uint32_t op = state.point->op_index();
  return op < state.run.operators.size() ? state.run.operators[op].name() : "";
}

std::vector<std::string> Throttled(const BoardState& state) {
  std::vector<std::string> lines;
  for (const auto& [what, throttle] : state.throttles) {
    if (what.starts_with("cpu") && what.ends_with(" off")) continue;
    if (what.starts_with("cooling ")) {
      if (throttle.now > 0) lines.push_back(what);
    } else if (throttle.now > throttle.first) {
      lines.push_back(fmt::format("{} +{}", what, throttle.now - throttle.first));
    }
  }
  return lines;
}

void TakePoint(const v1::TelemetryPoint& point, BoardState* state) {
  state->lost.clear();
  state->history.Add(point);
  state->bytes += point.ByteSizeLong();
  state->seconds += static_cast<double>(point.end_ns() - point.begin_ns()) * 1e-9;
  state->daemon.Add(point.end_ns(), point.daemon_cpu_ns());
  state->front.Add(point.end_ns(), point.front_cpu_ns());
  state->point = point;
}

void TakeClocks(const v1::ClockState& clocks, BoardState* state) {
  state->temperature_c.clear();
  for (const v1::ThermalZoneState& zone : clocks.temperatures()) {
    state->temperature_c[zone.zone()] = 1e-3 * zone.millidegrees();
  }
  for (const v1::ThrottleState& throttle : clocks.throttles()) {
    SeeThrottle(throttle.what(), throttle.value(), state);
  }
  state->clocks = clocks;
}

void TakeRecords(RunData* data, TakenRecords* taken, BoardState* state) {
  if (data->header() == nullptr) return;
  WatchedRun* const run = &state->run;
  run->requested_hz = data->header()->requested_hz();
  // A run tells them once; copying them for each chunk would cost more than its readings.
  if (run->operators.empty()) run->operators = data->operators();
  for (; taken->conditions < data->conditions().size(); ++taken->conditions) {
    const v1::Conditions& seen = data->conditions()[taken->conditions];
    for (const auto& zone : seen.temperatures()) {
      state->temperature_c[zone.zone()] = 1e-3 * zone.millidegrees();
    }
    for (const auto& throttle : seen.throttles()) {
      SeeThrottle(throttle.what(), throttle.value(), state);
    }
  }
  for (; taken->gaps < data->gaps().size(); ++taken->gaps) {
    const v1::Gap& gap = data->gaps()[taken->gaps];
    (gap.cause() == v1::Gap::CAUSE_READ_FAILED ? run->failed : run->missed) += gap.count();
  }
  for (; taken->lost < data->lost().size(); ++taken->lost) {
    run->dropped += data->lost()[taken->lost].count;
  }
  std::map<uint32_t, size_t> counted;
  for (const auto& [channel, readings] : data->readings()) {
    counted[channel] = readings.size();
    run->readings += readings.size();
    for (const Reading& reading : readings) {
      if (reading.freshness == Freshness::kFresh) ++run->fresh;
      if (reading.freshness == Freshness::kRepeat) ++run->repeats;
    }
  }
  data->Forget(data->markers().size(), counted);
}

ordered_json WatchJson(const BoardState& state) {
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
  json["lost"] = state.point->lost();
  json["bytes"] = state.bytes;
  json["daemon_cores"] = ShareJson(state.daemon);
  json["front_cores"] = ShareJson(state.front);
  return json;
}

}  // namespace synergy
