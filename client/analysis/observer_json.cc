#include "client/analysis/observer_json.h"

#include <nlohmann/json.hpp>

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json EstimateJson(const v1::ObserverCost& cost, const std::optional<BusyCores>& busy) {
  const std::optional<double> energy_j = busy ? ObserverEnergy(cost, *busy) : std::nullopt;
  if (!energy_j) return nullptr;
  ordered_json json;
  json["rail"] = busy->rail;
  json["energy_j"] = *energy_j;
  json["dynamic_w"] = busy->dynamic_w;
  json["cores"] = busy->cores;
  json["formula"] = "cpu_s * dynamic_w / cores";
  return json;
}

}  // namespace

std::optional<double> ObserverEnergy(const v1::ObserverCost& cost, const BusyCores& busy) {
  if (!(busy.dynamic_w > 0) || busy.cores == 0) return std::nullopt;
  return cost.cpu_s() * busy.dynamic_w / busy.cores;
}

ordered_json ObserverJson(const v1::RunEnd& end, const std::optional<BusyCores>& busy) {
  if (!end.has_observer()) return nullptr;
  const v1::ObserverCost& cost = end.observer();
  ordered_json json;
  json["time_s"] = cost.time_s();
  json["cpu_s"] = cost.cpu_s();
  json["wakeups"] = cost.wakeups();
  json["bus_transfers"] = cost.bus_transfers();
  json["bytes_written"] = cost.bytes_written();
  // 0: nobody followed the run, or the kernel does not count it.
  json["bytes_sent"] = cost.bytes_sent() > 0 ? ordered_json(cost.bytes_sent()) : ordered_json();
  json["estimate"] = EstimateJson(cost, busy);
  return json;
}

}  // namespace synergy
