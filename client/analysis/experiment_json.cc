#include "client/analysis/experiment_json.h"

#include <optional>
#include <string>

#include "client/analysis/estimates.h"
#include "common/precision_request.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json OrNull(const std::optional<Estimate>& estimate) {
  return estimate ? EstimateJson(*estimate) : ordered_json(nullptr);
}

ordered_json MeanOrNull(const std::optional<Estimate>& estimate) {
  return estimate ? ordered_json(estimate->mean) : ordered_json(nullptr);
}

ordered_json BlockJson(const v1::MeasuredBlock& block) {
  const bool known = block.why_not().empty();
  ordered_json json;
  json["iterations"] = block.iterations();
  json["time_s"] = block.time_s();
  json["widest_interval"] = known ? ordered_json(block.widest_interval()) : ordered_json(nullptr);
  json["rail"] = block.rail();
  json["why_not"] = known ? ordered_json(nullptr) : ordered_json(block.why_not());
  return json;
}

}  // namespace

const v1::MeasuredBlock* LastBlock(const RunReport& report) {
  if (!report.end || report.end->blocks().empty()) return nullptr;
  return &*report.end->blocks().rbegin();
}

bool ReachedPrecision(const RunReport& report) {
  const v1::MeasuredBlock* last = LastBlock(report);
  return last != nullptr && last->why_not().empty() &&
         last->widest_interval() <= report.header.job().precision();
}

ordered_json PrecisionJson(const RunReport& report) {
  const v1::JobSpec& job = report.header.job();
  if (!(job.precision() > 0)) return nullptr;
  const absl::StatusOr<std::vector<std::string>> rails = PrecisionRails(job, report.header.board());
  const v1::MeasuredBlock* last = LastBlock(report);
  ordered_json json;
  json["target"] = job.precision();
  json["rails"] = rails.ok() ? ordered_json(*rails) : ordered_json::array();
  json["max_time_s"] = job.max_time_s() > 0 ? job.max_time_s() : kDefaultMaxTimeS;
  json["reached"] = ReachedPrecision(report);
  const bool known = last != nullptr && last->why_not().empty();
  json["widest_interval"] = known ? ordered_json(last->widest_interval()) : ordered_json(nullptr);
  json["blocks"] = ordered_json::array();
  if (!report.end) return json;
  for (const v1::MeasuredBlock& block : report.end->blocks()) {
    json["blocks"].push_back(BlockJson(block));
  }
  return json;
}

ordered_json LoopJson(const RunReport& report) {
  if (!report.loop) return nullptr;
  const LoopCheck& loop = *report.loop;
  ordered_json json;
  json["op"] = loop.op;
  json["name"] = loop.name;
  json["asked_s"] = report.header.job().loop().seconds();
  json["executions"] = loop.executions;
  json["time_s"] = loop.executions > 0 ? ordered_json(loop.time_s) : ordered_json(nullptr);
  json["network_time_s"] =
      loop.network_time_s ? ordered_json(*loop.network_time_s) : ordered_json(nullptr);
  json["rails"] = ordered_json::array();
  for (const LoopCheck::Rail& rail : loop.rails) {
    ordered_json item;
    item["rail"] = rail.rail;
    item["energy_j"] = OrNull(rail.looped_j);
    item["attributed_j"] = OrNull(rail.attributed_j);
    item["difference_j"] = OrNull(rail.difference_j);
    item["power_w"] = MeanOrNull(rail.looped_w);
    item["attributed_power_w"] = MeanOrNull(rail.attributed_w);
    item["power_difference_w"] = OrNull(rail.difference_w);
    item["agrees"] = rail.difference_j ? ordered_json(rail.agrees()) : ordered_json(nullptr);
    item["powers_agree"] =
        rail.difference_w ? ordered_json(rail.powers_agree()) : ordered_json(nullptr);
    json["rails"].push_back(std::move(item));
  }
  return json;
}

}  // namespace synergy
