#include "client/export/operator_arguments.h"

#include "client/analysis/estimates.h"

namespace synergy {
namespace {

void AddEnergies(const RunReport& report, const OpReport& op, TrackArguments* arguments) {
  for (size_t rail = 0; rail < report.rails().size(); ++rail) {
    const std::string& name = report.rails()[rail];
    if (const std::optional<double>& mean = op.result.mean_energy_j[rail]) {
      arguments->push_back({"energy_j_" + name, *mean});
    }
    if (rail >= op.estimate.size() || !op.estimate[rail]) continue;
    const OperatorEnergy& energy = *op.estimate[rail];
    if (energy.energy_j) {
      arguments->push_back({"energy_j_ci95_low_" + name, energy.energy_j->low});
      arguments->push_back({"energy_j_ci95_high_" + name, energy.energy_j->high});
    }
    if (!energy.group || !report.estimates[rail]) continue;
    const Estimate& group = report.estimates[rail]->groups[*energy.group].energy_j;
    arguments->push_back(
        {"group_" + name, static_cast<int64_t>(GroupId(report, rail, *energy.group))});
    arguments->push_back({"group_energy_j_" + name, group.mean});
    arguments->push_back({"group_energy_j_ci95_low_" + name, group.low});
    arguments->push_back({"group_energy_j_ci95_high_" + name, group.high});
  }
}

}  // namespace

TrackArguments OperatorArguments(const RunReport& report, const v1::OperatorInfo& info,
                                 const OpReport* op) {
  TrackArguments arguments = {{"op", int64_t{info.index()}}, {"type", info.type()}};
  if (info.inputs_size() > 0) arguments.push_back({"input_shapes", ShapesText(info.inputs())});
  if (info.outputs_size() > 0) arguments.push_back({"output_shapes", ShapesText(info.outputs())});
  if (info.has_cost()) {
    arguments.push_back({"macs", info.macs()});
    arguments.push_back({"flops", info.flops()});
    arguments.push_back({"bytes_read", info.bytes_read()});
    arguments.push_back({"bytes_written", info.bytes_written()});
    arguments.push_back({"params", info.params()});
  }
  if (op != nullptr) AddEnergies(report, *op, &arguments);
  return arguments;
}

}  // namespace synergy
