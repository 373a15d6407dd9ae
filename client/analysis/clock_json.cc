#include "client/analysis/clock_json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json SpeedJson(bool asked, const v1::ClockSpeed& speed) {
  if (!asked) return nullptr;
  if (speed.has_khz()) return speed.khz();
  return speed.extreme() == v1::ClockSpeed::EXTREME_MIN ? "min" : "max";
}

ordered_json Known(int64_t frequency) {
  return frequency > 0 ? ordered_json(frequency) : ordered_json(nullptr);
}

ordered_json TextOrNull(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

template <typename T>
ordered_json List(const google::protobuf::RepeatedField<T>& values) {
  return std::vector<T>(values.begin(), values.end());
}
ordered_json List(const google::protobuf::RepeatedPtrField<std::string>& values) {
  return std::vector<std::string>(values.begin(), values.end());
}

ordered_json PolicyJson(const v1::CpuPolicyState& policy) {
  ordered_json json;
  json["name"] = policy.name();
  json["cpus"] = List(policy.cpus());
  json["active"] = policy.active();
  json["driver"] = TextOrNull(policy.driver());
  json["governor"] = TextOrNull(policy.governor());
  json["governors"] = List(policy.governors());
  json["frequencies_khz"] = List(policy.frequencies_khz());
  json["boost_frequencies_khz"] = List(policy.boost_frequencies_khz());
  json["lowest_khz"] = Known(policy.lowest_khz());
  json["highest_khz"] = Known(policy.highest_khz());
  json["min_khz"] = Known(policy.min_khz());
  json["max_khz"] = Known(policy.max_khz());
  json["current_khz"] = Known(policy.current_khz());
  return json;
}

ordered_json DeviceJson(const v1::DeviceClockState& device) {
  ordered_json json;
  json["name"] = device.name();
  json["governor"] = TextOrNull(device.governor());
  json["governors"] = List(device.governors());
  json["frequencies_hz"] = List(device.frequencies_hz());
  json["lowest_hz"] = Known(device.lowest_hz());
  json["highest_hz"] = Known(device.highest_hz());
  json["min_hz"] = Known(device.min_hz());
  json["max_hz"] = Known(device.max_hz());
  json["current_hz"] = Known(device.current_hz());
  return json;
}

}  // namespace

ordered_json ClockLeaseJson(const v1::ClockLease& lease) {
  const v1::ClockRequest& asked = lease.asked();
  ordered_json json;
  json["holder"] = lease.holder();
  json["id"] = lease.id();
  json["simulated"] = lease.simulated();
  json["asked"]["cpu_khz"] = SpeedJson(asked.has_cpu(), asked.cpu());
  json["asked"]["governor"] = TextOrNull(asked.governor());
  json["asked"]["gpu_khz"] = SpeedJson(asked.has_gpu(), asked.gpu());
  json["asked"]["memory_khz"] = SpeedJson(asked.has_memory(), asked.memory());
  json["asked"]["boost"] = asked.has_boost() ? ordered_json(asked.boost()) : ordered_json(nullptr);
  json["asked"]["fan_percent"] =
      asked.has_fan_percent() ? ordered_json(asked.fan_percent()) : ordered_json(nullptr);
  json["asked"]["cpus"] = List(asked.cpus());
  json["settings"] = ordered_json::array();
  for (const v1::ClockSetting& setting : lease.settings()) {
    ordered_json item;
    item["control"] = setting.control();
    item["original"] = setting.original();
    item["asked"] = setting.asked();
    item["obtained"] = setting.obtained();
    json["settings"].push_back(std::move(item));
  }
  json["notes"] = List(lease.notes());
  return json;
}

ordered_json ClockStateJson(const v1::ClockState& state) {
  ordered_json json;
  json["schema_version"] = kReportSchemaVersion;
  json["simulated"] = state.simulated();
  json["policies"] = ordered_json::array();
  for (const auto& policy : state.policies()) json["policies"].push_back(PolicyJson(policy));
  json["cores"] = ordered_json::array();
  for (const v1::CpuCoreState& core : state.cores()) {
    json["cores"].push_back(
        {{"number", core.number()}, {"on", core.on()}, {"fixed", core.fixed()}});
  }
  json["devices"] = ordered_json::array();
  for (const auto& device : state.devices()) json["devices"].push_back(DeviceJson(device));
  json["boost"] = state.has_boost() ? ordered_json(state.boost()) : ordered_json(nullptr);
  json["fan_percent"] =
      state.has_fan_percent() ? ordered_json(state.fan_percent()) : ordered_json(nullptr);
  json["temperatures"] = ordered_json::array();
  for (const v1::ThermalZoneState& zone : state.temperatures()) {
    json["temperatures"].push_back(
        {{"zone", zone.zone()}, {"temperature_c", 1e-3 * zone.millidegrees()}});
  }
  json["throttles"] = ordered_json::array();
  for (const v1::ThrottleState& throttle : state.throttles()) {
    json["throttles"].push_back({{"what", throttle.what()}, {"value", throttle.value()}});
  }
  json["lease"] = state.has_lease() ? ClockLeaseJson(state.lease()) : ordered_json(nullptr);
  json["left"] = List(state.left());
  json["notes"] = List(state.notes());
  return json;
}

}  // namespace synergy
