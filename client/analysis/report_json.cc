#include "client/analysis/report_json.h"

#include <fmt/format.h>

#include <chrono>

#include "client/analysis/clock_json.h"
#include "client/analysis/conditions_json.h"
#include "client/analysis/counts_json.h"
#include "client/analysis/estimates.h"
#include "client/analysis/experiment_json.h"
#include "client/analysis/meter_json.h"
#include "client/analysis/phase_energies.h"
#include "client/analysis/report_names.h"
#include "client/analysis/resolution.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

template <typename T>
ordered_json OrNull(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json EnergyByRail(const RunReport& report, const RailEnergies& energies) {
  ordered_json by_rail = ordered_json::object();
  for (size_t i = 0; i < report.rails().size(); ++i)
    by_rail[report.rails()[i]] = OrNull(energies[i]);
  return by_rail;
}

ordered_json MeanJson(const MeanWithInterval& value) {
  ordered_json json;
  json["mean"] = value.mean;
  json["ci95"] =
      value.ci95 ? ordered_json::array({value.ci95->low, value.ci95->high}) : ordered_json(nullptr);
  return json;
}

template <typename Shapes>
ordered_json ShapesJson(const Shapes& shapes) {
  ordered_json json = ordered_json::array();
  for (const v1::TensorShape& shape : shapes) {
    json.push_back(std::vector<int64_t>(shape.dims().begin(), shape.dims().end()));
  }
  return json;
}

ordered_json OpJson(const RunReport& report, const OpReport& op) {
  const bool known = op.info.has_cost();
  const auto cost = [&](int64_t value) {
    return known ? ordered_json(value) : ordered_json(nullptr);
  };
  ordered_json json;
  json["index"] = op.info.index();
  json["name"] = op.info.name();
  json["type"] = op.info.type();
  json["input_shapes"] = ShapesJson(op.info.inputs());
  json["output_shapes"] = ShapesJson(op.info.outputs());
  json["macs"] = cost(op.info.macs());
  json["flops"] = cost(op.info.flops());
  json["bytes_read"] = cost(op.info.bytes_read());
  json["bytes_written"] = cost(op.info.bytes_written());
  json["params"] = cost(op.info.params());
  json["executions"] = op.result.executions;
  json["time_s"] = MeanJson(op.result.time_s);
  json["time_share"] = op.result.time_share;
  json["energy_j"] = ordered_json::object();
  json["power_w"] = ordered_json::object();
  for (size_t i = 0; i < report.rails().size(); ++i) {
    json["energy_j"][report.rails()[i]]["mean"] = OrNull(op.result.mean_energy_j[i]);
    json["power_w"][report.rails()[i]] = OrNull(op.power_w(i));
  }
  json["energy_share"] = EnergyByRail(report, op.result.energy_share);
  AddEstimateJson(report, op, &json);
  json["flops_per_s"] = OrNull(op.flops_per_s());
  json["counters"] = CountsJson(report, op);
  return json;
}

ordered_json GroupJson(const RunReport& report, const char* kind, const GroupReport& group) {
  ordered_json json;
  json[kind] = group.name;
  json["operators"] = group.operators;
  json["time_s"] = group.time_s;
  json["time_share"] = group.time_share;
  json["energy_j"] = EnergyByRail(report, group.energy_j);
  for (size_t i = 0; i < group.estimate.size(); ++i) {
    const std::optional<Estimate>& estimate = group.estimate[i];
    json["energy_ci95_j"][report.rails()[i]] =
        estimate ? EstimateJson(*estimate)["ci95"] : ordered_json(nullptr);
  }
  for (size_t i = 0; i < report.rails().size(); ++i) {
    const std::set<size_t> ids = GroupIdsOf(report, kind, group, i);
    if (!ids.empty()) json["groups"][report.rails()[i]] = ids;
  }
  json["energy_share"] = EnergyByRail(report, group.energy_share);
  json["macs"] = OrNull(group.macs);
  return json;
}

// "c0ffee...", 64 digits.
std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

ordered_json ModelJson(const v1::JobSpec& job) {
  ordered_json json;
  json["source"] =
      job.model_source().empty() ? ordered_json(nullptr) : ordered_json(job.model_source());
  json["weights_sha256"] =
      job.has_weights() ? ordered_json(Hex(job.weights().sha256())) : ordered_json(nullptr);
  return json;
}

ordered_json RunJson(const RunReport& report) {
  const v1::RunHeader& header = report.header;
  const v1::JobSpec& job = header.job();
  ordered_json json;
  json["id"] = header.run_id();
  json["board"] = header.board().name();
  json["board_id"] = header.board().board_id();
  json["board_title"] = header.board().title();
  json["simulated"] = header.board().simulated();
  json["engine"] = job.engine();
  json["engine_version"] = header.engine_version();
  json["net"] = job.net_name();
  json["net_type"] = job.net_type().empty() ? ordered_json(nullptr) : ordered_json(job.net_type());
  json["model"] = ModelJson(job);
  json["batch"] = job.batch();
  json["threads"] = job.threads();
  json["iterations"] = job.iterations();
  json["iterations_completed"] = report.attribution.iterations;
  json["warmup"] = job.warmup();
  json["seed"] = job.seed();
  json["started_at"] = UtcText(header.wall_time_unix_ns());
  json["state"] = StateName(report.state);
  json["error"] = report.error.empty() ? ordered_json(nullptr) : ordered_json(report.error);
  json["partial"] = report.partial;
  json["daemon_version"] = header.board().daemon_version();
  json["kernel"] = header.board().kernel();
  return json;
}

ordered_json OverlapJson(const Attribution& attribution) {
  ordered_json json;
  json["overlapped"] = attribution.overlapped_s > 0;
  json["time_s"] = attribution.overlapped_s;
  json["time_share"] = OrNull(attribution.overlapped_share());
  return json;
}

ordered_json ChannelsJson(const v1::SourceStats& source) {
  ordered_json json = ordered_json::array();
  for (const v1::ChannelStats& channel : source.channels()) {
    ordered_json item;
    item["rail"] = channel.rail();
    item["quantity"] = QuantityName(channel.quantity());
    item["requested_hz"] = channel.requested_hz();
    item["achieved_hz"] = channel.achieved_hz();
    item["fresh_hz"] = channel.fresh_hz();
    item["fresh_is_bound"] = channel.fresh_is_bound();
    item["independent_hz"] = channel.independent_hz() > 0 ? ordered_json(channel.independent_hz())
                                                          : ordered_json(nullptr);
    json.push_back(std::move(item));
  }
  return json;
}

ordered_json SamplingJson(const SamplingReport& sampling) {
  ordered_json json;
  json["requested_hz"] = sampling.requested_hz;
  json["achieved_hz"] = OrNull(sampling.achieved_hz);
  json["fresh_hz"] = OrNull(sampling.fresh_hz);
  json["ticks"] = OrNull(sampling.ticks);
  json["missed"] = sampling.missed;
  json["failed"] = sampling.failed;
  json["sources"] = ordered_json::array();
  for (const v1::SourceStats& source : sampling.sources) {
    ordered_json item;
    item["source"] = source.source();
    item["requested_hz"] = source.requested_hz();
    item["achieved_hz"] = source.achieved_hz();
    item["fresh_hz"] = source.fresh_hz();
    item["ticks"] = source.ticks();
    item["missed"] = source.missed();
    item["failed"] = source.failed();
    item["channels"] = ChannelsJson(source);
    json["sources"].push_back(std::move(item));
  }
  return json;
}

ordered_json ResolutionJson(const RunReport& report) {
  ordered_json json = ordered_json::array();
  for (const RailResolution& rail : ResolutionOf(report)) {
    ordered_json item;
    item["rail"] = rail.rail;
    item["window_s"] = OrNull(rail.window_s);
    item["shortest_resolved_s"] = OrNull(rail.shortest_s);
    item["operators"] = report.ops.size();
    item["shorter"] = rail.shortest_s ? ordered_json(rail.shorter) : ordered_json(nullptr);
    json.push_back(std::move(item));
  }
  return json;
}

ordered_json GapsJson(const std::vector<v1::Gap>& gaps) {
  ordered_json json = ordered_json::array();
  for (const v1::Gap& gap : gaps) {
    ordered_json item;
    item["source"] = gap.source();
    item["begin_ns"] = gap.begin_ns();
    item["end_ns"] = gap.end_ns();
    item["count"] = gap.count();
    item["cause"] = GapCauseName(gap.cause());
    item["detail"] = gap.detail();
    json.push_back(std::move(item));
  }
  return json;
}

ordered_json NoticesJson(const std::vector<v1::Notice>& notices) {
  ordered_json json = ordered_json::array();
  for (const v1::Notice& notice : notices) {
    ordered_json item;
    item["at_ns"] = notice.at_ns();
    item["code"] = notice.code();
    item["text"] = notice.text();
    json.push_back(std::move(item));
  }
  return json;
}

}  // namespace

ordered_json RailJson(const v1::RailInfo& rail) {
  ordered_json json;
  json["name"] = rail.name();
  json["scope"] = ScopeName(rail.scope());
  json["contained_in"] =
      rail.contained_in().empty() ? ordered_json(nullptr) : ordered_json(rail.contained_in());
  json["description"] = rail.description();
  return json;
}

ordered_json ReportJson(const RunReport& report) {
  ordered_json json;
  json["schema_version"] = kReportSchemaVersion;
  json["run"] = RunJson(report);
  json["method"] = report.method;
  json["verdict"] = VerdictName(report.verdict);
  json["reasons"] = report.reasons;
  json["rails"] = ordered_json::array();
  for (const v1::RailInfo& rail : report.header.board().rails()) {
    json["rails"].push_back(RailJson(rail));
  }
  json["ops"] = ordered_json::array();
  for (const OpReport& op : report.ops) json["ops"].push_back(OpJson(report, op));
  json["types"] = ordered_json::array();
  for (const GroupReport& type : report.types) {
    json["types"].push_back(GroupJson(report, "type", type));
  }
  json["by_module"] = ordered_json::array();
  for (const GroupReport& module : report.modules) {
    json["by_module"].push_back(GroupJson(report, "module", module));
  }
  AddEstimatesJson(report, &json);
  json["precision"] = PrecisionJson(report);
  json["loop"] = LoopJson(report);
  json["counters"] = CountedJson(report);
  json["iteration_time_s"] = report.attribution.iteration_time_s
                                 ? MeanJson(*report.attribution.iteration_time_s)
                                 : ordered_json(nullptr);
  json["overlap"] = OverlapJson(report.attribution);
  AddPhasesJson(report, &json);
  json["sampling"] = SamplingJson(report.sampling);
  json["observer"] =
      report.end ? ObserverJson(*report.end, report.busy_cores()) : ordered_json(nullptr);
  json["resolution"] = ResolutionJson(report);
  json["meter"] = report.meter ? MeterJson(*report.meter) : ordered_json(nullptr);
  json["clocks"] = report.clocks ? ClockLeaseJson(*report.clocks) : ordered_json(nullptr);
  json["conditions"] = ConditionsJson(report.conditions);
  json["idle"] = IdleJson(report.conditions, report.rails());
  json["gaps"] = GapsJson(report.gaps);
  json["notices"] = NoticesJson(report.notices);
  return json;
}

ordered_json RunDocument(int64_t number, const RunReport& report) {
  ordered_json document = ReportJson(report);
  document["run"]["number"] = number;
  document["run"]["longest_pause_s"] = report.header.job().longest_pause_s();
  return document;
}

std::string JsonText(const ordered_json& document) {
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string UtcText(int64_t unix_ns) {
  using namespace std::chrono;
  const sys_time<milliseconds> time =
      floor<milliseconds>(sys_time<nanoseconds>(nanoseconds(unix_ns)));
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace synergy
