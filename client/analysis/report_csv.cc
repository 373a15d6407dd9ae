#include "client/analysis/report_csv.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "client/analysis/estimates.h"
#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/analysis/simulated_notice.h"
#include "common/csv.h"
#include "common/printable.h"

namespace synergy {
namespace {

template <typename T>
std::string Number(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : std::string();
}

std::string Comments(const RunReport& report) {
  const v1::RunHeader& header = report.header;
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    // One line, whatever an engine or a net puts into its names.
    text += fmt::format("# {}: {}\n", key, Printable(value, value.size()));
  };
  if (header.board().simulated()) add("simulated", SimulatedReason(header.board()));
  add("run", header.run_id());
  add("net", header.job().net_name());
  add("board", header.board().title());
  add("engine", header.job().engine());
  add("batch", std::to_string(header.job().batch()));
  add("threads", std::to_string(header.job().threads()));
  add("started_at", UtcText(header.wall_time_unix_ns()));
  add("method", report.method);
  add("verdict", VerdictName(report.verdict));
  for (const std::string& reason : report.reasons) add("reason", reason);
  for (size_t rail = 0; rail < report.estimates.size(); ++rail) {
    if (!report.estimates[rail]) continue;
    const std::vector<GroupEnergy>& groups = report.estimates[rail]->groups;
    for (size_t i = 0; i < groups.size(); ++i) {
      const Estimate& e = groups[i].energy_j;
      add("group",
          fmt::format("{} on {}, operators {}: {} J, 95 % {} to {}", GroupId(report, rail, i),
                      report.rails()[rail], fmt::join(groups[i].ops, " "), e.mean, e.low, e.high));
    }
  }
  return text;
}

// Columns of the method least-squares, for each rail; behind the others, which keep their places.
constexpr const char* kEstimated[] = {
    "energy_j_ci95_low",         "energy_j_ci95_high",         "group",          "dynamic_energy_j",
    "dynamic_energy_j_ci95_low", "dynamic_energy_j_ci95_high", "energy_delay_js"};

std::string Row(const std::vector<std::string>& fields) {
  return fmt::format("{}\n", fmt::join(fields, ","));
}

// Of an execution; in the last columns.
std::vector<std::string> CountedNames(const RunReport& report) {
  std::vector<std::string> names;
  if (!report.counted) return names;
  for (const v1::CountedEvents::Event& event : report.counted->events()) {
    names.push_back(event.name());
  }
  return names;
}

std::string HeaderRow(const RunReport& report) {
  std::vector<std::string> fields = {"index",
                                     "name",
                                     "type",
                                     "simulated",
                                     "executions",
                                     "time_s_mean",
                                     "time_s_ci95_low",
                                     "time_s_ci95_high",
                                     "time_share"};
  for (const char* quantity : {"energy_j", "power_w", "energy_share"}) {
    for (const std::string& rail : report.rails()) {
      fields.push_back(CsvField(fmt::format("{}_{}", quantity, rail)));
    }
  }
  for (const char* cost :
       {"macs", "flops", "flops_per_s", "bytes_read", "bytes_written", "params"}) {
    fields.emplace_back(cost);
  }
  for (const char* quantity : kEstimated) {
    for (const std::string& rail : report.rails()) {
      fields.push_back(CsvField(fmt::format("{}_{}", quantity, rail)));
    }
  }
  for (const std::string& event : CountedNames(report)) {
    fields.push_back(CsvField("count_" + event));
  }
  return Row(fields);
}

// Of an operator on a rail, in the order of kEstimated; empty fields with the method integrate.
std::array<std::string, std::size(kEstimated)> Estimated(const RunReport& report,
                                                         const OpReport& op, size_t rail) {
  std::array<std::string, std::size(kEstimated)> fields;
  if (rail >= op.estimate.size() || !op.estimate[rail]) return fields;
  const OperatorEnergy& energy = *op.estimate[rail];
  if (energy.energy_j) {
    fields[0] = fmt::format("{}", energy.energy_j->low);
    fields[1] = fmt::format("{}", energy.energy_j->high);
    fields[6] = fmt::format("{}", energy.energy_j->mean * op.result.time_s.mean);
  }
  if (energy.group) fields[2] = fmt::format("{}", GroupId(report, rail, *energy.group));
  if (energy.dynamic_j) {
    fields[3] = fmt::format("{}", energy.dynamic_j->mean);
    fields[4] = fmt::format("{}", energy.dynamic_j->low);
    fields[5] = fmt::format("{}", energy.dynamic_j->high);
  }
  return fields;
}

std::string OpRow(const RunReport& report, const OpReport& op) {
  const auto& interval = op.result.time_s.ci95;
  std::vector<std::string> fields = {fmt::format("{}", op.info.index()),
                                     CsvField(op.info.name()),
                                     CsvField(op.info.type()),
                                     fmt::format("{}", report.header.board().simulated()),
                                     fmt::format("{}", op.result.executions),
                                     fmt::format("{}", op.result.time_s.mean),
                                     interval ? fmt::format("{}", interval->low) : "",
                                     interval ? fmt::format("{}", interval->high) : "",
                                     fmt::format("{}", op.result.time_share)};
  for (const auto& energy : op.result.mean_energy_j) fields.push_back(Number(energy));
  for (size_t i = 0; i < report.rails().size(); ++i) fields.push_back(Number(op.power_w(i)));
  for (const auto& share : op.result.energy_share) fields.push_back(Number(share));
  const auto cost = [&](int64_t value) {
    return op.info.has_cost() ? fmt::format("{}", value) : std::string();
  };
  fields.push_back(cost(op.info.macs()));
  fields.push_back(cost(op.info.flops()));
  fields.push_back(Number(op.flops_per_s()));
  fields.push_back(cost(op.info.bytes_read()));
  fields.push_back(cost(op.info.bytes_written()));
  fields.push_back(cost(op.info.params()));
  std::vector<std::array<std::string, std::size(kEstimated)>> estimated;
  for (size_t i = 0; i < report.rails().size(); ++i) {
    estimated.push_back(Estimated(report, op, i));
  }
  for (size_t column = 0; column < std::size(kEstimated); ++column) {
    for (const auto& of_rail : estimated) fields.push_back(of_rail[column]);
  }
  for (const auto& count : op.counts) fields.push_back(count ? fmt::format("{}", count->mean) : "");
  return Row(fields);
}

}  // namespace

std::string CsvField(std::string_view text) {
  const std::string escaped = EscapedText(text);
  return escaped.starts_with('#') ? fmt::format("\"{}\"", escaped) : QuotedField(escaped);
}

std::string ReportCsv(const RunReport& report) {
  std::string text = Comments(report) + HeaderRow(report);
  for (const OpReport& op : report.ops) text += OpRow(report, op);
  return text;
}

}  // namespace synergy
