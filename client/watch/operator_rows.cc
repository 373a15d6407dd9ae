#include "client/watch/operator_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kLongestName = 64;

std::string NameOf(const WatchedRun& run, uint32_t op) {
  if (op >= run.operators.size()) return fmt::format("operator {}", op);
  const v1::OperatorInfo& info = run.operators[op];
  return Printable(info.name().empty() ? info.type() : info.name(), kLongestName);
}

std::vector<OperatorRow> KnownRows(const WatchedRun& run, const RailEnergy& rail) {
  std::vector<OperatorRow> rows;
  std::vector<bool> shown(rail.groups.size());
  for (size_t i = 0; i < rail.ops.size(); ++i) {
    const OperatorEnergy& op = rail.ops[i];
    if (op.energy_j) rows.push_back({NameOf(run, run.energies->ops[i]), *op.energy_j});
    if (!op.group || shown[*op.group]) continue;
    shown[*op.group] = true;
    const GroupEnergy& group = rail.groups[*op.group];
    rows.push_back(
        {fmt::format("{} and {} more", NameOf(run, group.ops.front()), group.ops.size() - 1),
         group.energy_j});
  }
  return rows;
}

}  // namespace

OperatorRows RowsOf(const BoardState& state, size_t rail, OperatorOrder order) {
  const WatchedRun& run = state.run;
  OperatorRows result;
  if (run.run_id.empty()) return {"energy per operator: while a job runs", {}, {}};
  if (!run.why_not.empty()) {
    return {"energy per operator: " + Printable(run.why_not, kLongestName), {}, {}};
  }
  const std::string wanted = rail < state.history.rails().size() ? state.history.rails()[rail] : "";
  const RailEnergy* energy = nullptr;
  if (run.energies) {
    for (const RailEnergy& one : run.energies->rails) {
      if (one.rail == wanted) energy = &one;
    }
  }
  if (energy == nullptr || run.iterations == 0) {
    return {"energy per operator: not known yet", {}, {}};
  }
  if (!energy->why_not.empty()) {
    return {"energy per operator: " + Printable(energy->why_not, kLongestName), {}, {}};
  }
  result.title = fmt::format("energy per operator on {} (mJ; mean of {} iterations, 95 %)",
                             Printable(wanted, 16), run.iterations);
  result.inference_j = energy->inference_j;
  result.rows = KnownRows(run, *energy);
  if (order == OperatorOrder::kEnergy) {
    std::ranges::stable_sort(result.rows, std::greater(),
                             [](const OperatorRow& row) { return row.energy_j.mean; });
  }
  return result;
}

}  // namespace synergy
