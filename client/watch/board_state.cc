#include "client/watch/board_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace synergy {
namespace {

// A counter that is lower than before has begun anew, with its board.
void SeeThrottle(const std::string& what, uint64_t value, BoardState* state) {
  Throttle& throttle = state->throttles.try_emplace(what, Throttle{value, value}).first->second;
  throttle.first = std::min(throttle.first, value);
  throttle.now = value;
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
  if (!std::exchange(state->lost, "").empty()) state->history.Interrupt();
  state->history.Add(point);
  state->bytes += point.ByteSizeLong();
  state->sent.Add(point.end_ns(), state->bytes);
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

}  // namespace synergy
