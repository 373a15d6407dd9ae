#include "client/analysis/counts_json.h"

namespace synergy {

using nlohmann::ordered_json;

ordered_json CountedJson(const RunReport& report) {
  if (!report.counted) return nullptr;
  const v1::CountedEvents& counted = *report.counted;
  ordered_json json;
  json["events"] = ordered_json::array();
  for (const v1::CountedEvents::Event& event : counted.events()) {
    ordered_json item;
    item["name"] = event.name();
    item["unit"] = event.unit();
    item["code"] = event.code();
    item["group"] = event.group();
    item["empty_count"] = event.empty_count();
    json["events"].push_back(std::move(item));
  }
  json["groups"] = counted.groups();
  json["threads"] = counted.threads();
  json["by_mapping"] = counted.by_mapping();
  json["marker_s"] = counted.marker_s();
  json["counted_marker_s"] = counted.counted_marker_s();
  return json;
}

ordered_json CountsJson(const RunReport& report, const OpReport& op) {
  ordered_json json = ordered_json::object();
  for (size_t i = 0; i < op.counts.size(); ++i) {
    ordered_json& item = json[report.counted->events(static_cast<int>(i)).name()];
    item = nullptr;
    if (!op.counts[i]) continue;
    const MeanCount& count = *op.counts[i];
    item["mean"] = count.mean;
    item["sd"] = count.sd ? ordered_json(*count.sd) : ordered_json(nullptr);
    item["executions"] = count.executions;
    item["scaled"] = count.executions < op.result.executions;
  }
  return json;
}

}  // namespace synergy
