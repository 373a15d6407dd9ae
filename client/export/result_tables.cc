#include "client/export/result_tables.h"

#include <fmt/format.h>

#include <cmath>

#include "client/analysis/decimals.h"
#include "client/analysis/estimates.h"
#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/analysis/simulated_notice.h"
#include "client/analysis/whole_rails.h"
#include "common/display_width.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kLongestName = 80;

ResultCell Text(std::string_view text) { return {.text = std::string(text)}; }

ResultCell Name(std::string_view name) { return Text(TableName(name)); }

ResultCell Number(std::optional<double> value, double factor, int decimals) {
  if (!value) return {};
  return {.number = fmt::format("{:.{}f}", factor * *value, decimals)};
}

// Two digits of the half-width, and the mean as far.
ResultCell WithInterval(double mean, double half_width, double factor) {
  const double half = factor * half_width;
  if (!(half > 0) || !std::isfinite(half)) return Number(mean, factor, 3);
  const int decimals = DecimalsOf(factor * mean, half);
  return {.number = fmt::format("{:.{}f}", factor * mean, decimals),
          .half_width = fmt::format("{:.{}f}", half, decimals)};
}

ResultCell WithInterval(const std::optional<double>& mean, const std::optional<Estimate>& estimate,
                        double factor) {
  if (!mean) return {};
  return estimate ? WithInterval(*mean, estimate->half_width(), factor) : Number(mean, factor, 3);
}

ResultCell Time(const MeanWithInterval& time) {
  return time.ci95 ? WithInterval(time.mean, time.ci95->high - time.mean, 1e3)
                   : Number(time.mean, 1e3, 3);
}

std::vector<std::string> RailTitles(const RunReport& report, std::string_view unit) {
  std::vector<std::string> titles;
  for (const std::string& rail : report.rails())
    titles.push_back(fmt::format("{} ({})", TableName(rail), unit));
  return titles;
}

void AddColumns(const std::vector<std::string>& titles, ResultTable* table) {
  for (const std::string& title : titles) table->columns.push_back({title});
}

ResultCell MegaMacs(std::optional<int64_t> macs) {
  return macs ? Number(static_cast<double>(*macs), 1e-6, 2) : ResultCell();
}

std::string ShareTitle(const RunReport& report) {
  const std::optional<size_t> top = report.top_rail();
  return top ? fmt::format("share of {} (%)", TableName(report.rails()[*top]))
             : "share of time (%)";
}

ResultCell Share(const RunReport& report, const RailEnergies& shares, double time_share) {
  const std::optional<size_t> top = report.top_rail();
  return top ? Number(shares[*top], 100, 1) : Number(time_share, 100, 1);
}

ResultTable InferenceTable(const RunReport& report) {
  ResultTable table{.caption = "One inference, by rail", .columns = {{"rail", true}}, .rows = {}};
  AddColumns({"energy (mJ)", "inferences per J", "GFLOP/s per W", "energy x time (mJ s)"}, &table);
  const auto mean = [](const std::optional<Estimate>& e) {
    return e ? std::optional(e->mean) : std::nullopt;
  };
  const auto add = [&](const std::string& name, const InferenceReport& one) {
    const auto known = [&one](const std::optional<Estimate>& e) {
      return one.has_interval ? e : std::nullopt;
    };
    table.rows.push_back(
        {Name(name), WithInterval(mean(one.energy_j), known(one.energy_j), 1e3),
         WithInterval(mean(one.inferences_per_j), known(one.inferences_per_j), 1),
         WithInterval(mean(one.gflops_per_s_per_w), known(one.gflops_per_s_per_w), 1),
         Number(one.energy_delay_js, 1e3, 4)});
  };
  for (size_t i = 0; i < report.per_inference.size(); ++i) {
    add(report.rails()[i], report.per_inference[i]);
  }
  const bool is_sum = report.whole && report.whole->rails.size() > 1;
  if (is_sum) add(WholeName(report, *report.whole), report.whole->inference);
  return table;
}

ResultTable TypeTable(const RunReport& report) {
  ResultTable table{.caption = "Operator types, of one inference",
                    .columns = {{"type", true}, {"operators"}, {"time (ms)"}},
                    .rows = {}};
  AddColumns(RailTitles(report, "mJ"), &table);
  AddColumns({"MMACs", ShareTitle(report)}, &table);
  for (const GroupReport& type : report.types) {
    std::vector<ResultCell> row = {Name(type.name), Number(type.operators, 1, 0),
                                   Number(type.time_s, 1e3, 3)};
    for (size_t i = 0; i < report.rails().size(); ++i) {
      const bool known = i < type.estimate.size();
      const std::string groups = GroupsText(GroupIdsOf(report, "type", type, i));
      row.push_back(groups.empty() ? WithInterval(type.energy_j[i],
                                                  known ? type.estimate[i] : std::nullopt, 1e3)
                                   : Text(groups));
    }
    row.push_back(MegaMacs(type.macs));
    row.push_back(Share(report, type.energy_share, type.time_share));
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Of a group that is known together only: its name.
ResultCell EnergyCell(const RunReport& report, const OpReport& op, size_t rail) {
  if (rail >= op.estimate.size() || !op.estimate[rail]) {
    return Number(op.result.mean_energy_j[rail], 1e3, 3);
  }
  const OperatorEnergy& energy = *op.estimate[rail];
  if (energy.group) return Text(fmt::format("g{}", GroupId(report, rail, *energy.group)));
  return WithInterval(op.result.mean_energy_j[rail], energy.energy_j, 1e3);
}

ResultTable OperatorTable(const RunReport& report) {
  ResultTable table{.caption = "Operators, one execution each",
                    .columns = {{"#"}, {"operator", true}, {"type", true}, {"time (ms)"}},
                    .is_long = true,
                    .rows = {}};
  AddColumns(RailTitles(report, "mJ"), &table);
  AddColumns({"MMACs", "GFLOP/s", ShareTitle(report)}, &table);
  for (const OpReport& op : report.ops) {
    std::vector<ResultCell> row = {Number(op.info.index(), 1, 0), Name(op.info.name()),
                                   Name(op.info.type()), Time(op.result.time_s)};
    for (size_t i = 0; i < report.rails().size(); ++i) row.push_back(EnergyCell(report, op, i));
    row.push_back(op.info.has_cost() ? MegaMacs(op.info.macs()) : ResultCell());
    row.push_back(Number(op.flops_per_s(), 1e-9, 2));
    row.push_back(Share(report, op.result.energy_share, op.result.time_share));
    table.rows.push_back(std::move(row));
  }
  return table;
}

// What the operators named "g3" cost.
ResultTable GroupTable(const RunReport& report) {
  ResultTable table{.caption = "Operators that are known together only, of one inference",
                    .columns = {{"group", true}, {"rail", true}, {"operators (#)", true, true}},
                    .is_long = true,
                    .rows = {}};
  AddColumns({"energy (mJ)"}, &table);
  for (size_t rail = 0; rail < report.estimates.size(); ++rail) {
    if (!report.estimates[rail]) continue;
    const std::vector<GroupEnergy>& groups = report.estimates[rail]->groups;
    for (size_t i = 0; i < groups.size(); ++i) {
      const Estimate& energy = groups[i].energy_j;
      table.rows.push_back({Text(fmt::format("g{}", GroupId(report, rail, i))),
                            Name(report.rails()[rail]),
                            Text(fmt::format("{}", fmt::join(groups[i].ops, " "))),
                            WithInterval(energy.mean, energy.half_width(), 1e3)});
    }
  }
  return table;
}

}  // namespace

std::string TableText(std::string_view text) { return Visible(Printable(text, text.size())); }

std::string TableName(std::string_view name) {
  return ShortenedMiddle(TableText(name), kLongestName);
}

RunResults ResultsOf(const RunReport& report) {
  const v1::RunHeader& header = report.header;
  const v1::JobSpec& job = header.job();
  RunResults results;
  results.title =
      fmt::format("{} on {}", TableName(job.net_name()), TableName(header.board().title()));
  results.notice = SimulatedNotice(header.board());
  results.facts = {{"engine", TableName(job.engine())},
                   {"batch", fmt::format("{}", job.batch())},
                   {"threads", fmt::format("{}", job.threads())},
                   {"iterations", fmt::format("{}", report.attribution.iterations)},
                   {"started", UtcText(header.wall_time_unix_ns())},
                   {"run", header.run_id()},
                   {"method", report.method},
                   {"verdict", std::string(VerdictName(report.verdict))}};
  for (const std::string& reason : report.reasons) results.facts.push_back({"reason", reason});
  if (const auto& time = report.attribution.iteration_time_s) {
    const ResultCell cell = Time(*time);
    results.facts.push_back(
        {"time of an inference (ms)",
         cell.number + (cell.half_width.empty() ? "" : " ± ") + cell.half_width});
  }
  results.facts.push_back(
      {"intervals",
       "± is the half-width of the 95 % interval of the mean of these iterations, "
       "without the sensor's calibration and without how other runs differ"});
  if (const std::string none = NoWholeRailText(report); !none.empty()) {
    results.facts.push_back({"rails", none});
  }
  for (ResultTable table :
       {InferenceTable(report), TypeTable(report), OperatorTable(report), GroupTable(report)}) {
    if (!table.rows.empty()) results.tables.push_back(std::move(table));
  }
  return results;
}

}  // namespace synergy
