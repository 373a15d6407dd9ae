#include "client/report/analysis_text.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "client/report/estimates_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using Align = TextTable::Align;

std::string Scaled(const std::optional<double>& value, double factor, int digits) {
  return value ? fmt::format("{:.{}f}", *value * factor, digits) : "-";
}

std::vector<TextTable::Column> ColumnsOf(const RunReport& report, const RunReport* other) {
  std::vector<TextTable::Column> columns = {
      {"#"}, {"operator", Align::kLeft}, {"type", Align::kLeft}, {"time ms"}, {"mJ"}};
  if (!report.estimates.empty()) {
    for (const char* title : {"± %", "dynamic mJ", "± %", "mJ x ms", "readings", "covered %"}) {
      columns.push_back({title});
    }
  }
  columns.push_back({"W"});
  if (other != nullptr) {
    columns.push_back({other->method + " mJ"});
    columns.push_back({"difference %"});
  }
  return columns;
}

}  // namespace

std::string AnalysisText(const RunReport& report, size_t rail, const RunReport* other,
                         size_t width) {
  std::map<uint32_t, std::optional<double>> others;
  if (other != nullptr) {
    for (const OpReport& op : other->ops) others[op.result.op] = op.result.mean_energy_j[rail];
  }
  TextTable table(ColumnsOf(report, other));
  for (const OpReport& op : report.ops) {
    std::vector<std::string> cells = {
        fmt::format("{}", op.info.index()), op.info.name(), op.info.type(),
        fmt::format("{:.3f}", 1e3 * op.result.time_s.mean), EnergyCell(report, op, rail)};
    if (!report.estimates.empty()) {
      const std::optional<OperatorEnergy>& energy = op.estimate[rail];
      cells.push_back(IntervalCell(op, rail));
      const std::optional<Estimate> dynamic_j = energy ? energy->dynamic_j : std::nullopt;
      cells.push_back(
          MeanCell(dynamic_j ? std::optional(dynamic_j->mean) : std::nullopt, dynamic_j, 1e3));
      cells.push_back(energy ? HalfWidthPercent(energy->dynamic_j) : "-");
      cells.push_back(
          energy && energy->energy_j
              ? fmt::format("{:.4f}", 1e6 * energy->energy_j->mean * op.result.time_s.mean)
              : "-");
      cells.push_back(energy ? fmt::format("{}", energy->readings) : "-");
      cells.push_back(energy ? Scaled(energy->covered, 100, 1) : "-");
    }
    cells.push_back(Scaled(op.power_w(rail), 1, 3));
    if (other != nullptr) {
      const std::optional<double>& mean = op.result.mean_energy_j[rail];
      const std::optional<double>& by_other = others[op.result.op];
      cells.push_back(Scaled(by_other, 1e3, 3));
      cells.push_back(mean && by_other ? fmt::format("{:+.2f}", 100 * (*by_other / *mean - 1))
                                       : "-");
    }
    table.AddRow(std::move(cells));
  }
  return fmt::format("{} ({})\n{}", Printable(report.rails()[rail]), report.method,
                     table.Text(width, 2));
}

}  // namespace synergy
