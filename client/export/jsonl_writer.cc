#include "client/export/jsonl_writer.h"

#include <fmt/format.h>

#include <iterator>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/export/json_text.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;
using v1::ChannelInfo;

void AddLine(const ordered_json& line, std::string* out) {
  *out += line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

ordered_json Line(const char* record) { return {{"record", record}}; }

// Of what the sensor said, with its unit; power_w stands behind it anyway.
std::string_view ValueName(ChannelInfo::Quantity quantity) {
  switch (quantity) {
    case ChannelInfo::QUANTITY_CURRENT:
      return "current_a";
    case ChannelInfo::QUANTITY_VOLTAGE:
      return "voltage_v";
    case ChannelInfo::QUANTITY_ENERGY_COUNTER:
      return "energy_j";
    default:
      return "";
  }
}

std::string_view FreshnessName(Freshness freshness) {
  if (freshness == Freshness::kUnknown) return "unknown";
  return freshness == Freshness::kFresh ? "fresh" : "repeat";
}

std::string_view SpecialRecord(uint32_t op) {
  if (op == kOpNet) return "iteration";
  return op == kOpLoad ? "load" : "init";
}

ordered_json ConditionsLine(const v1::Conditions& conditions) {
  ordered_json line = Line("conditions");
  line["at_ns"] = conditions.at_ns();
  line["clocks_hz"] = ordered_json::object();
  line["temperatures_c"] = ordered_json::object();
  line["throttles"] = ordered_json::object();
  for (const auto& one : conditions.frequencies()) {
    line["clocks_hz"][one.clock()] = one.hz() > 0 ? ordered_json(one.hz()) : ordered_json(nullptr);
  }
  for (const auto& one : conditions.temperatures()) {
    line["temperatures_c"][one.zone()] = 1e-3 * one.millidegrees();
  }
  for (const auto& one : conditions.throttles()) line["throttles"][one.what()] = one.value();
  return line;
}

ordered_json GapLine(const v1::Gap& gap) {
  ordered_json line = Line("gap");
  line["source"] = gap.source();
  line["begin_ns"] = gap.begin_ns();
  line["end_ns"] = gap.end_ns();
  line["count"] = gap.count();
  line["cause"] = GapCauseName(gap.cause());
  line["detail"] = gap.detail();
  return line;
}

ordered_json EndLine(const v1::RunEnd& end) {
  ordered_json line = Line("end");
  line["end_ns"] = end.end_ns();
  line["state"] = StateName(end.state());
  line["error"] = end.error().empty() ? ordered_json(nullptr) : ordered_json(end.error());
  line["markers"] = end.markers();
  line["markers_dropped"] = end.markers_dropped();
  return line;
}

}  // namespace

void JsonlWriter::Start(std::string* out) {
  ordered_json document = RunDocument(number(), report());
  const ordered_json ops = std::move(document["ops"]);
  document.erase("ops");
  ordered_json line = Line("run");
  line.update(document);
  AddLine(line, out);
  for (const ordered_json& op : ops) {
    ordered_json one = Line("operator");
    one.update(op);
    AddLine(one, out);
  }
}

void JsonlWriter::Sample(const ChannelInfo& channel, const Reading& reading,
                         const std::optional<RailPowerPoint>& power, std::string* out) {
  auto to = std::back_inserter(*out);
  fmt::format_to(to, "{{\"record\":\"sample\",\"rail\":{},\"begin_ns\":{},\"end_ns\":{}",
                 JsonString(channel.rail()), reading.begin_ns, reading.end_ns);
  if (const std::string_view name = ValueName(channel.quantity()); !name.empty()) {
    fmt::format_to(to, ",\"{}\":{}", name,
                   JsonNumber(static_cast<double>(reading.raw) * channel.scale()));
  }
  if (channel.quantity() != ChannelInfo::QUANTITY_VOLTAGE) {
    fmt::format_to(to, ",\"power_w\":{}", power ? JsonNumber(power->power_w) : "null");
  }
  fmt::format_to(to, ",\"raw\":{},\"freshness\":\"{}\"}}\n", reading.raw,
                 FreshnessName(reading.freshness));
}

void JsonlWriter::MeterSample(const std::string& rail, const PowerSample& sample,
                              std::string* out) {
  fmt::format_to(std::back_inserter(*out),
                 "{{\"record\":\"meter_sample\",\"rail\":{},\"at_ns\":{},\"power_w\":{}}}\n",
                 JsonString(rail), sample.at_ns, JsonNumber(sample.power_w));
}

void JsonlWriter::Executions(const std::vector<Marker>& markers, std::string* out) {
  auto to = std::back_inserter(*out);
  for (const Marker& marker : markers) {
    const bool special = marker.op == kOpNet || marker.op == kOpLoad || marker.op == kOpInit;
    fmt::format_to(to, "{{\"record\":\"{}\"", special ? SpecialRecord(marker.op) : "execution");
    if (!special) {
      const v1::OperatorInfo* info = FindOperator(marker.op);
      fmt::format_to(to, ",\"op\":{},\"name\":{}", marker.op,
                     info == nullptr ? "null" : JsonString(info->name()));
    }
    fmt::format_to(to,
                   ",\"iteration\":{},\"phase\":\"{}\",\"thread\":{},\"begin_ns\":{},"
                   "\"end_ns\":{}}}\n",
                   marker.iteration, PhaseName(static_cast<v1::Phase>(marker.phase)), marker.thread,
                   marker.begin_ns, marker.end_ns);
  }
}

void JsonlWriter::Record(const v1::RunRecord& record, std::string* out) {
  ordered_json line;
  if (record.has_phase()) {
    line = Line("phase");
    line["phase"] = PhaseName(record.phase().phase());
    line["at_ns"] = record.phase().at_ns();
  } else if (record.has_gap()) {
    line = GapLine(record.gap());
  } else if (record.has_notice()) {
    line = Line("notice");
    line["at_ns"] = record.notice().at_ns();
    line["code"] = record.notice().code();
    line["text"] = record.notice().text();
  } else if (record.has_conditions()) {
    line = ConditionsLine(record.conditions());
  } else if (record.has_clock_change()) {
    const v1::ClockChange& change = record.clock_change();
    line = Line("clock_change");
    line["at_ns"] = change.at_ns();
    line["clock"] = change.clock();
    line["fixed_hz"] = change.fixed_hz();
    line["seen_hz"] = change.seen_hz() > 0 ? ordered_json(change.seen_hz()) : ordered_json(nullptr);
  } else if (record.has_chirp()) {
    line = Line("load_pattern");
    line["threads"] = record.chirp().threads();
    line["edge_ns"] =
        std::vector<int64_t>(record.chirp().edge_ns().begin(), record.chirp().edge_ns().end());
  } else if (record.has_end()) {
    line = EndLine(record.end());
  }
  if (!line.is_null()) AddLine(line, out);
}

void JsonlWriter::Lost(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out) {
  ordered_json line = Line("lost");
  line["at_ns"] = at_ns;
  line["channel"] = channel;
  line["count"] = count;
  AddLine(line, out);
}

}  // namespace synergy
