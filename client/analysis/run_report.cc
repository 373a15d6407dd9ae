#include "client/analysis/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "client/analysis/estimates.h"
#include "client/analysis/loop_check.h"
#include "client/analysis/markers_check.h"
#include "client/analysis/phase_energies.h"
#include "client/analysis/readings_check.h"
#include "client/analysis/whole_rails.h"
#include "common/run_codes.h"

namespace synergy {
namespace {

v1::OperatorInfo InfoOf(const RunData& data, uint32_t op) {
  if (op < data.operators().size()) return data.operators()[op];
  v1::OperatorInfo unknown;
  unknown.set_index(op);
  unknown.set_name(fmt::format("operator {}", op));
  unknown.set_type("unknown");
  return unknown;
}

// One absent part makes the whole absent: a sum of what is known would look like the whole.
void AddEnergies(const RailEnergies& part, RailEnergies* sum) {
  for (size_t rail = 0; rail < sum->size(); ++rail) {
    std::optional<double>& total = (*sum)[rail];
    if (rail < part.size() && part[rail] && total) {
      *total += *part[rail];
    } else {
      total.reset();
    }
  }
}

// The number by which operators and types are ranked.
double Cost(std::optional<size_t> rail, const RailEnergies& energy_j, double time_s) {
  return rail ? energy_j[*rail].value_or(0) : time_s;
}

void AddOperator(const OpReport& op, size_t rails, GroupReport* group) {
  if (group->operators == 0) {
    group->energy_j.assign(rails, 0.0);
    group->energy_share.assign(rails, 0.0);
    group->macs = 0;
  }
  ++group->operators;
  group->time_s += op.result.time_s.mean;
  group->time_share += op.result.time_share;
  AddEnergies(op.result.mean_energy_j, &group->energy_j);
  AddEnergies(op.result.energy_share, &group->energy_share);
  if (op.info.has_cost() && group->macs) {
    *group->macs += op.info.macs();
  } else {
    group->macs.reset();
  }
}

// In the order in which the groups begin.
template <typename NameOf>
std::vector<GroupReport> GroupBy(const RunReport& report, const NameOf& name_of) {
  std::vector<GroupReport> groups;
  std::map<std::string, size_t> places;
  std::map<std::string, std::vector<const OpReport*>> members;
  for (const OpReport& op : report.ops) {
    const std::string name(name_of(op));
    const auto [place, added] = places.try_emplace(name, groups.size());
    if (added) groups.emplace_back().name = name;
    AddOperator(op, report.rails().size(), &groups[place->second]);
    members[name].push_back(&op);
  }
  if (report.estimates.empty()) return groups;
  for (GroupReport& group : groups) EstimateGroup(report, members[group.name], &group);
  return groups;
}

std::vector<GroupReport> GroupByType(const RunReport& report) {
  std::vector<GroupReport> types =
      GroupBy(report, [](const OpReport& op) { return op.info.type(); });
  const std::optional<size_t> rail = report.top_rail();
  std::stable_sort(types.begin(), types.end(), [&](const GroupReport& a, const GroupReport& b) {
    return std::pair(-Cost(rail, a.energy_j, a.time_s), std::string_view(a.name)) <
           std::pair(-Cost(rail, b.energy_j, b.time_s), std::string_view(b.name));
  });
  return types;
}

SamplingReport SamplingOf(const RunData& data) {
  SamplingReport sampling;
  sampling.requested_hz = data.header()->requested_hz();
  // The end of a run that a dead daemon left was written without what the daemon had counted.
  if (data.end() == nullptr || data.end()->sampling().sources().empty()) {
    for (const v1::Gap& gap : data.gaps()) {
      if (gap.cause() == v1::Gap::CAUSE_READ_FAILED) {
        sampling.failed += gap.count();
      } else {
        sampling.missed += gap.count();
      }
    }
    return sampling;
  }
  for (const v1::SourceStats& source : data.end()->sampling().sources()) {
    sampling.achieved_hz =
        std::min(sampling.achieved_hz.value_or(source.achieved_hz()), source.achieved_hz());
    sampling.fresh_hz = std::min(sampling.fresh_hz.value_or(source.fresh_hz()), source.fresh_hz());
    sampling.ticks = sampling.ticks.value_or(0) + source.ticks();
    sampling.missed += source.missed();
    sampling.failed += source.failed();
    sampling.sources.push_back(source);
  }
  return sampling;
}

// It knows more than the holes: what it dropped behind the last chunk of a channel leaves none.
bool DeviceToldTheLoss(const RunReport& report) {
  return std::any_of(
             report.reasons.begin(), report.reasons.end(),
             [](const auto& reason) { return HasCode(reason, ReasonCode::kRecordsDropped); }) ||
         std::any_of(report.notices.begin(), report.notices.end(), [](const v1::Notice& notice) {
           return notice.code() == CodeName(NoticeCode::kSpoolFailed);
         });
}

void Judge(const RunData& data, RunReport* report) {
  if (const v1::RunEnd* end = data.end()) {
    report->end = *end;
    report->state = end->state();
    report->error = end->error();
    report->verdict = end->verdict();
    report->reasons.assign(end->reasons().begin(), end->reasons().end());
  } else {
    report->verdict = v1::VERDICT_INVALID;
    report->reasons.push_back(Reason(ReasonCode::kIncomplete, "the run's end is not in the store"));
  }
  uint64_t lost = 0;
  for (const LostRecords& records : data.lost()) lost += records.count;
  if (lost > 0 && !DeviceToldTheLoss(*report)) {
    report->reasons.push_back(
        Reason(ReasonCode::kRecordsLost,
               fmt::format("the device dropped {}",
                           lost == 1 ? "1 record" : fmt::format("{} records", lost))));
    if (report->verdict == v1::VERDICT_VALID) report->verdict = v1::VERDICT_SUSPECT;
  }
}

void AddMeter(const HostMeter& meter, RunReport* report) {
  report->meter = meter.record;
  for (v1::RailInfo& rail : MeterRailInfos(meter)) {
    *report->header.mutable_board()->add_rails() = std::move(rail);
  }
  const std::vector<std::string> reasons = MeterReasons(meter, report->attribution);
  report->reasons.insert(report->reasons.end(), reasons.begin(), reasons.end());
  if (!reasons.empty() && report->verdict == v1::VERDICT_VALID) {
    report->verdict = v1::VERDICT_SUSPECT;
  }
}

std::optional<MeanCount> MeanOf(const RunData& data, uint32_t op, uint32_t event) {
  const auto found = data.counts().find({op, event});
  if (found == data.counts().end()) return std::nullopt;
  const EventTotals& totals = found->second;
  const auto n = static_cast<double>(totals.executions);
  MeanCount count{.mean = totals.sum / n, .sd = {}, .executions = totals.executions};
  if (totals.executions > 1) {
    const double variance = (totals.squares - n * count.mean * count.mean) / (n - 1);
    count.sd = std::sqrt(std::max(variance, 0.0));
  }
  return count;
}

void AddCounts(const RunData& data, RunReport* report) {
  if (data.counted() == nullptr) return;
  report->counted = *data.counted();
  for (OpReport& op : report->ops) {
    for (int event = 0; event < report->counted->events_size(); ++event) {
      op.counts.push_back(MeanOf(data, op.result.op, static_cast<uint32_t>(event)));
    }
  }
}

}  // namespace

std::string_view ModuleOf(std::string_view op_name) {
  const size_t slash = op_name.rfind('/');
  return slash == std::string_view::npos ? op_name : op_name.substr(0, slash);
}

std::optional<double> OpReport::power_w(size_t rail) const {
  if (rail >= result.mean_energy_j.size() || !result.mean_energy_j[rail]) return std::nullopt;
  if (result.time_s.mean <= 0) return std::nullopt;
  return *result.mean_energy_j[rail] / result.time_s.mean;
}

std::optional<double> OpReport::flops_per_s() const {
  if (!info.has_cost() || result.time_s.mean <= 0) return std::nullopt;
  return static_cast<double>(info.flops()) / result.time_s.mean;
}

std::optional<size_t> RunReport::top_rail() const {
  std::vector<size_t> candidates = WholeRails(*this);
  if (candidates.empty()) candidates = RootRails(*this);
  if (candidates.empty()) return std::nullopt;
  const RailEnergies& took = attribution.inference.energy_j;
  return *std::ranges::max_element(
      candidates, {}, [&](size_t rail) { return rail < took.size() ? took[rail].value_or(0) : 0; });
}

std::optional<BusyCores> RunReport::busy_cores() const {
  const std::optional<size_t> top = top_rail();
  const auto& idle = conditions.idle_before;
  const PhaseTotal& inference = attribution.inference;
  if (!top || !idle || !idle->power_w[*top] || !inference.energy_j[*top]) return std::nullopt;
  if (!(inference.time_s > 0)) return std::nullopt;
  return BusyCores{.rail = rails()[*top],
                   .dynamic_w = *inference.energy_j[*top] / inference.time_s - *idle->power_w[*top],
                   .cores = std::max(1u, header.job().threads())};
}

absl::StatusOr<RunReport> BuildReport(const RunData& data, Attribution attribution,
                                      std::string_view method, const HostMeter* meter,
                                      const LeastSquares* least_squares) {
  if (data.header() == nullptr) {
    return absl::FailedPreconditionError(
        "nothing of the run has come from the board yet. synergyctl fetch asks for it.");
  }
  RunReport report;
  report.header = *data.header();
  report.partial = data.partial();
  report.method = method;
  report.attribution = std::move(attribution);
  for (const OperatorResult& result : report.attribution.ops) {
    report.ops.push_back({.info = InfoOf(data, result.op), .result = result, .estimate = {}});
    // No execution takes less than no time: an interval that reaches below is cut off at 0.
    if (auto& ci95 = report.ops.back().result.time_s.ci95) ci95->low = std::max(ci95->low, 0.0);
  }
  if (least_squares != nullptr) AddEstimates(*least_squares, &report);
  std::vector<RailPower> rails = data.Power();
  if (meter != nullptr) rails.insert(rails.end(), meter->rails.begin(), meter->rails.end());
  AddPhases(rails, &report);
  report.types = GroupByType(report);
  report.modules = GroupBy(report, [](const OpReport& op) { return ModuleOf(op.info.name()); });
  report.sampling = SamplingOf(data);
  report.gaps = data.gaps();
  report.notices = data.notices();
  if (data.clocks() != nullptr) report.clocks = *data.clocks();
  report.conditions =
      ConditionsOf(data, meter == nullptr ? std::vector<RailPower>() : meter->rails);
  report.loop = CheckLoop(data, report);
  AddCounts(data, &report);
  Judge(data, &report);
  JudgeReadings(data, &report);
  JudgeMarkers(&report);
  if (meter != nullptr) AddMeter(*meter, &report);
  AddWhole(&report);
  return report;
}

void SortOps(OpOrder order, RunReport* report) {
  const std::optional<size_t> rail =
      order == OpOrder::kEnergy ? report->top_rail() : std::optional<size_t>();
  std::stable_sort(report->ops.begin(), report->ops.end(),
                   [&](const OpReport& a, const OpReport& b) {
                     if (order == OpOrder::kIndex) return a.result.op < b.result.op;
                     return Cost(rail, a.result.mean_energy_j, a.result.time_s.mean) >
                            Cost(rail, b.result.mean_energy_j, b.result.time_s.mean);
                   });
}

}  // namespace synergy
