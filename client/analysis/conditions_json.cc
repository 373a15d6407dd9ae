#include "client/analysis/conditions_json.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json OrNull(const std::optional<int64_t>& hz) {
  return hz ? ordered_json(*hz) : ordered_json(nullptr);
}

ordered_json StretchJson(const std::optional<IdlePower>& idle,
                         const std::vector<std::string>& rails) {
  if (!idle) return nullptr;
  ordered_json json;
  json["time_s"] = idle->time_s;
  json["power_w"] = ordered_json::object();
  json["ci95_w"] = ordered_json::object();
  for (size_t i = 0; i < rails.size() && i < idle->power_w.size(); ++i) {
    const std::optional<double>& power = idle->power_w[i];
    json["power_w"][rails[i]] = power ? ordered_json(*power) : ordered_json(nullptr);
    ordered_json interval(nullptr);
    if (power && i < idle->half_width_w.size() && idle->half_width_w[i]) {
      const double width = *idle->half_width_w[i];
      interval = ordered_json::array({*power - width, *power + width});
    }
    json["ci95_w"][rails[i]] = std::move(interval);
  }
  return json;
}

}  // namespace

ordered_json ConditionsJson(const RunConditions& conditions) {
  ordered_json json;
  json["clocks"] = ordered_json::array();
  for (const ClockRange& clock : conditions.clocks) {
    json["clocks"].push_back({{"clock", clock.clock},
                              {"lowest_hz", OrNull(clock.lowest_hz)},
                              {"highest_hz", OrNull(clock.highest_hz)},
                              {"unread", clock.unread}});
  }
  json["temperatures"] = ordered_json::array();
  for (const TemperatureRange& zone : conditions.temperatures) {
    json["temperatures"].push_back({{"zone", zone.zone},
                                    {"begin_c", zone.begin_c},
                                    {"end_c", zone.end_c},
                                    {"highest_c", zone.highest_c}});
  }
  json["throttles"] = ordered_json::array();
  for (const ThrottleChange& throttle : conditions.throttles) {
    json["throttles"].push_back({{"what", throttle.what},
                                 {"begin", throttle.begin},
                                 {"end", throttle.end},
                                 {"highest", throttle.highest}});
  }
  json["clock_changes"] = ordered_json::array();
  for (const v1::ClockChange& change : conditions.clock_changes) {
    json["clock_changes"].push_back(
        {{"at_ns", change.at_ns()},
         {"clock", change.clock()},
         {"fixed_hz", change.fixed_hz()},
         {"seen_hz",
          change.seen_hz() == 0 ? ordered_json(nullptr) : ordered_json(change.seen_hz())}});
  }
  return json;
}

ordered_json IdleJson(const RunConditions& conditions, const std::vector<std::string>& rails) {
  ordered_json json;
  json["before"] = StretchJson(conditions.idle_before, rails);
  json["after"] = StretchJson(conditions.idle_after, rails);
  return json;
}

}  // namespace synergy
