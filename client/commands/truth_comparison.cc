#include "client/commands/truth_comparison.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "client/report/text_table.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

struct Sum {
  double joules = 0;
  uint64_t executions = 0;
};

std::optional<int> RailIndex(const v1::RunTruth& truth, const std::string& rail) {
  for (int i = 0; i < truth.rails_size(); ++i) {
    if (truth.rails(i) == rail) return i;
  }
  return std::nullopt;
}

// Mean joules of an execution on one rail, by operator.
std::map<uint32_t, Sum> SumByOperator(const v1::RunTruth& truth, int rail) {
  std::map<uint32_t, Sum> sums;
  for (const v1::OperatorTruth& execution : truth.operators()) {
    if (rail >= execution.energy_j_size()) continue;
    Sum& sum = sums[execution.op()];
    sum.joules += execution.energy_j(rail);
    ++sum.executions;
  }
  return sums;
}

std::optional<double> RelativeError(std::optional<double> estimate, std::optional<double> truth) {
  if (!estimate || !truth || *truth == 0) return std::nullopt;
  return (*estimate - *truth) / *truth;
}

RailComparison SummarizeRail(const RunReport& report, const std::vector<OperatorComparison>& ops,
                             size_t rail) {
  RailComparison summary;
  double errors = 0, estimates = 0, truths = 0;
  uint64_t count = 0;
  for (size_t i = 0; i < ops.size(); ++i) {
    const std::optional<double>& error = ops[i].error[rail];
    if (!error) continue;
    errors += std::abs(*error);
    ++count;
    estimates += *report.ops[i].result.mean_energy_j[rail];
    truths += *ops[i].truth_j[rail];
    if (!summary.worst_error || std::abs(*error) > *summary.worst_error) {
      summary.worst_error = std::abs(*error);
      summary.worst_op = ops[i].op;
    }
  }
  if (count > 0) {
    summary.mean_error = errors / static_cast<double>(count);
    summary.total_error = RelativeError(estimates, truths);
  }
  return summary;
}

template <typename T>
ordered_json OrNull(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::string Percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.1f}", *share * 100) : "-";
}

std::string SignedPercent(const std::optional<double>& share) {
  return share ? fmt::format("{:+.1f}", *share * 100) : "-";
}

std::string OperatorName(const RunReport& report, uint32_t index) {
  for (const OpReport& op : report.ops) {
    if (op.info.index() == index) return Printable(op.info.name());
  }
  return "unknown";
}

}  // namespace

TruthComparison CompareWithTruth(const RunReport& report, const v1::RunTruth& truth) {
  const size_t rails = report.rails().size();
  TruthComparison comparison;
  for (const OpReport& op : report.ops) {
    comparison.ops.push_back({op.info.index(), RailEnergies(rails), RailEnergies(rails)});
  }
  for (size_t rail = 0; rail < rails; ++rail) {
    const std::optional<int> index = RailIndex(truth, report.rails()[rail]);
    const std::map<uint32_t, Sum> sums =
        index ? SumByOperator(truth, *index) : std::map<uint32_t, Sum>();
    for (size_t i = 0; i < report.ops.size(); ++i) {
      const auto sum = sums.find(comparison.ops[i].op);
      if (sum == sums.end()) continue;
      const double mean = sum->second.joules / static_cast<double>(sum->second.executions);
      comparison.ops[i].truth_j[rail] = mean;
      comparison.ops[i].error[rail] = RelativeError(report.ops[i].result.mean_energy_j[rail], mean);
    }
    comparison.rails.push_back(SummarizeRail(report, comparison.ops, rail));
  }
  return comparison;
}

void AddTruth(const RunReport& report, const TruthComparison& comparison, ordered_json* document) {
  for (size_t i = 0; i < comparison.ops.size(); ++i) {
    ordered_json& op = (*document)["ops"][i];
    op["truth_j"] = ordered_json::object();
    op["error"] = ordered_json::object();
    for (size_t rail = 0; rail < report.rails().size(); ++rail) {
      op["truth_j"][report.rails()[rail]] = OrNull(comparison.ops[i].truth_j[rail]);
      op["error"][report.rails()[rail]] = OrNull(comparison.ops[i].error[rail]);
    }
  }
  ordered_json& summary = (*document)["truth"] = ordered_json::object();
  for (size_t rail = 0; rail < report.rails().size(); ++rail) {
    const RailComparison& of_rail = comparison.rails[rail];
    ordered_json& json = summary[report.rails()[rail]];
    json["mean_error"] = OrNull(of_rail.mean_error);
    json["worst_error"] = OrNull(of_rail.worst_error);
    json["worst_op"] = of_rail.worst_error ? ordered_json(of_rail.worst_op) : ordered_json(nullptr);
    json["total_error"] = OrNull(of_rail.total_error);
  }
}

std::vector<ExtraColumn> TruthColumns(const RunReport& report, const TruthComparison& comparison) {
  const std::optional<size_t> top = report.top_rail();
  if (!top) return {};
  ExtraColumn truth{"truth mJ", {}};
  ExtraColumn error{"error %", {}};
  for (const OperatorComparison& op : comparison.ops) {
    if (op.truth_j[*top]) truth.cells[op.op] = fmt::format("{:.3f}", *op.truth_j[*top] * 1e3);
    if (op.error[*top]) error.cells[op.op] = SignedPercent(op.error[*top]);
  }
  return {std::move(truth), std::move(error)};
}

std::string TruthText(const RunReport& report, const TruthComparison& comparison) {
  if (comparison.ops.empty()) {
    return "error: unknown, no operator was measured that the truth could be compared with\n";
  }
  std::string text;
  for (size_t rail = 0; rail < report.rails().size(); ++rail) {
    const RailComparison& of_rail = comparison.rails[rail];
    text += fmt::format(
        "error on {}: mean {} % of an operator, worst {} %{}, sum of all {} %\n",
        Printable(report.rails()[rail]), Percent(of_rail.mean_error), Percent(of_rail.worst_error),
        of_rail.worst_error ? fmt::format(" ({}, operator {})",
                                          OperatorName(report, of_rail.worst_op), of_rail.worst_op)
                            : "",
        SignedPercent(of_rail.total_error));
  }
  return text;
}

}  // namespace synergy
