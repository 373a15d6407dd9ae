#include "common/attribution/least_squares.h"

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/attribution/power_integral.h"
#include "common/attribution/rail_readings.h"
#include "common/attribution/run_course.h"

namespace synergy {
namespace {

// Rails whose registers one chip converts in turns, by their places in `readings`.
std::vector<std::vector<size_t>> CyclesOf(const std::vector<RailReadings>& readings) {
  std::map<std::string, std::vector<size_t>> named;
  std::vector<std::vector<size_t>> cycles;
  for (size_t i = 0; i < readings.size(); ++i) {
    const v1::Window& window = readings[i].channel.window();
    const bool runs_freely = !window.stamps_are_window() && window.average() <= 1;
    if (window.cycle().empty() || !runs_freely || readings[i].readings.empty()) {
      cycles.push_back({i});
    } else {
      named[window.cycle()].push_back(i);
    }
  }
  for (auto& [name, members] : named) cycles.push_back(std::move(members));
  return cycles;
}

std::optional<double> IntegralOf(const std::vector<PowerSample>& samples, const RunCourse& course) {
  const auto at = [&](double ns) { return course.origin_ns + std::llround(ns); };
  const int64_t begin_ns = at(course.measure_begin), end_ns = at(course.measure_end);
  if (!PowerIntegral::Covers(samples, begin_ns, end_ns)) return std::nullopt;
  PowerIntegral integral(samples, begin_ns);
  double energy_j = 0;
  for (const RunCourse::Break& pause : course.breaks) {
    energy_j += integral.Advance(at(pause.begin));
    integral.Advance(at(pause.end));
  }
  return energy_j + integral.Advance(end_ns);
}

}  // namespace

LeastSquares SolveLeastSquares(const RunData& data) {
  LeastSquares result;
  const RunCourse course = CourseOf(data);
  const std::vector<RailReadings> readings = ReadingsOf(data, course.origin_ns);
  result.ops = course.ops;
  result.rails.resize(readings.size());
  if (course.ops.empty()) {
    for (size_t i = 0; i < readings.size(); ++i) {
      result.rails[i].rail = readings[i].rail;
      result.rails[i].why_not = "no operator was measured";
    }
    return result;
  }
  const SlowDrift drift(course.occupancy.end_ns());
  const uint64_t iterations = course.iteration_begins.size();
  const std::vector<RailPower> power = data.Power();
  for (const std::vector<size_t>& cycle : CyclesOf(readings)) {
    std::vector<const RailReadings*> inputs;
    for (const size_t i : cycle) inputs.push_back(&readings[i]);
    const std::vector<RailFit> fits = FitRails(course, drift, inputs);
    for (size_t k = 0; k < cycle.size(); ++k) {
      RailEnergy& out = result.rails[cycle[k]];
      out = EnergiesOf(course, drift, fits[k], iterations);
      out.calibration = inputs[k]->gain_tolerance;
      out.integral_j = IntegralOf(power[cycle[k]].samples, course);
    }
  }
  return result;
}

}  // namespace synergy
