#include "client/analysis/estimates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/spec_validation.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

const char* WindowsName(WindowKind kind) {
  switch (kind) {
    case WindowKind::kKnown:
      return "known";
    case WindowKind::kFitted:
      return "fitted";
    case WindowKind::kSmeared:
      return "smeared";
    case WindowKind::kFiltered:
      return "filtered";
  }
  return "unknown";
}

ordered_json OrNull(const std::optional<Estimate>& estimate) {
  return estimate ? EstimateJson(*estimate) : ordered_json(nullptr);
}

ordered_json NoEstimate() { return {{"mean", nullptr}, {"ci95", nullptr}}; }

ordered_json PositiveOrNull(double value) {
  return value > 0 ? ordered_json(value) : ordered_json(nullptr);
}

// operators + between + unattributed = integral; the residual is a part of what is unattributed.
ordered_json BooksJson(const RailEnergy& rail) {
  ordered_json json;
  json["operators_j"] = rail.operators_j;
  json["between_j"] = rail.between_j;
  json["integral_j"] = nullptr;
  json["unattributed_j"] = nullptr;
  json["residual_j"] = rail.residual_j;
  if (rail.integral_j) {
    json["integral_j"] = *rail.integral_j;
    json["unattributed_j"] = *rail.integral_j - rail.operators_j - rail.between_j;
  }
  return json;
}

ordered_json RailEnergyJson(const RailEnergy& rail) {
  ordered_json json;
  json["rail"] = rail.rail;
  json["operators_known"] = rail.why_not.empty();
  json["why_not"] = rail.why_not.empty() ? ordered_json(nullptr) : ordered_json(rail.why_not);
  for (const char* key :
       {"inference_j", "widest_interval", "idle_w", "between_w", "books", "calibration", "windows",
        "readings", "readings_used", "outliers", "readings_stuck", "step_w", "noise_steps",
        "noise_w", "drift_w", "period_s", "place_sd_s", "delay_s"}) {
    json[key] = nullptr;
  }
  if (!rail.why_not.empty()) return json;
  json["inference_j"] = EstimateJson(rail.inference_j);
  json["widest_interval"] = rail.widest;
  json["idle_w"] = OrNull(rail.idle_w);
  json["between_w"] = OrNull(rail.between_w);
  json["books"] = BooksJson(rail);
  json["calibration"] = PositiveOrNull(rail.calibration);
  json["windows"] = WindowsName(rail.windows);
  json["readings"] = rail.readings;
  json["readings_used"] = rail.used;
  json["outliers"] = rail.outliers;
  json["readings_stuck"] = rail.stuck;
  if (HasSteps(rail)) {
    json["step_w"] = rail.step_w;
    json["noise_steps"] = rail.noise_steps;
  }
  json["noise_w"] = rail.noise_steps * rail.step_w;
  json["drift_w"] = EstimateJson(rail.drift_w);
  json["period_s"] = PositiveOrNull(rail.period_s);
  json["place_sd_s"] = PositiveOrNull(rail.place_sd_s);
  json["delay_s"] = rail.delay_s;
  return json;
}

bool IsCounter(const RunReport& report, const std::string& rail) {
  return std::ranges::any_of(report.header.channels(), [&](const v1::ChannelInfo& channel) {
    return channel.rail() == rail && channel.quantity() == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER;
  });
}

// Whether some but not all operators of a group are among these: what they cost would tell of the
// rest what the readings do not.
bool SplitsGroup(const RailEnergy& rail, const std::vector<const OpReport*>& members) {
  return std::ranges::any_of(rail.groups, [&](const GroupEnergy& group) {
    const auto inside = std::ranges::count_if(members, [&](const OpReport* op) {
      return std::ranges::find(group.ops, op->result.op) != group.ops.end();
    });
    return inside > 0 && static_cast<size_t>(inside) < group.ops.size();
  });
}

constexpr const char* kNoUpdates =
    "when its counter of energy was updated could not be found (too few readings, fewer than "
    "updates, or no steady clock)";

}  // namespace

void AddEstimates(const LeastSquares& least_squares, RunReport* report) {
  std::map<uint32_t, uint32_t> places;
  for (uint32_t i = 0; i < least_squares.ops.size(); ++i) places[least_squares.ops[i]] = i;
  report->estimated_ops = least_squares.ops;
  report->estimates.resize(report->rails().size());
  for (size_t rail = 0; rail < report->rails().size(); ++rail) {
    for (const RailEnergy& estimate : least_squares.rails) {
      if (estimate.rail != report->rails()[rail]) continue;
      report->estimates[rail] = estimate;
      if (!estimate.why_not.empty() && IsCounter(*report, estimate.rail)) {
        report->estimates[rail]->why_not = kNoUpdates;
      }
    }
  }
  for (OpReport& op : report->ops) {
    op.estimate.resize(report->rails().size());
    for (size_t rail = 0; rail < report->rails().size(); ++rail) {
      const std::optional<RailEnergy>& estimate = report->estimates[rail];
      if (!estimate) continue;
      std::optional<double>& mean = op.result.mean_energy_j[rail];
      std::optional<double>& share = op.result.energy_share[rail];
      mean.reset();
      share.reset();
      const auto place = places.find(op.result.op);
      if (!estimate->why_not.empty() || place == places.end()) continue;
      const OperatorEnergy& energy = estimate->ops[place->second];
      op.estimate[rail] = energy;
      if (!energy.energy_j) continue;
      mean = energy.energy_j->mean;
      if (estimate->inference_j.mean > 0) {
        share = estimate->moments.mean_j[place->second] / estimate->inference_j.mean;
      }
    }
  }
}

void EstimateGroup(const RunReport& report, const std::vector<const OpReport*>& members,
                   GroupReport* group) {
  group->estimate.resize(report.rails().size());
  for (size_t rail = 0; rail < report.rails().size(); ++rail) {
    const std::optional<RailEnergy>& estimate = report.estimates[rail];
    if (!estimate) continue;
    group->energy_j[rail].reset();
    group->energy_share[rail].reset();
    if (!estimate->why_not.empty()) continue;
    std::vector<uint32_t> places;
    for (const OpReport* op : members) {
      const auto at = std::ranges::lower_bound(report.estimated_ops, op->result.op);
      places.push_back(static_cast<uint32_t>(at - report.estimated_ops.begin()));
    }
    const Estimate sum = estimate->moments.Sum(places);
    // Together, too, they may be too little to be told from what ran beside them.
    const bool is_wide = sum.half_width() > kWidestAlone * sum.mean;
    if (is_wide && SplitsGroup(*estimate, members)) continue;
    group->estimate[rail] = sum;
    if (is_wide) continue;
    group->energy_j[rail] = sum.mean;
    if (estimate->inference_j.mean > 0) {
      group->energy_share[rail] = sum.mean / estimate->inference_j.mean;
    }
  }
}

// The unit in which traces are counted is no step, and noise of so many steps is not known by them.
bool HasSteps(const RailEnergy& rail) {
  constexpr double kLeastStep_w = 1e-11, kMostSteps = 1e4;
  return rail.step_w > kLeastStep_w && rail.noise_steps < kMostSteps;
}

ordered_json EstimateJson(const Estimate& estimate) {
  ordered_json json;
  json["mean"] = estimate.mean;
  json["ci95"] = ordered_json::array({estimate.low, estimate.high});
  return json;
}

size_t GroupId(const RunReport& report, size_t rail, size_t group) {
  size_t id = group + 1;
  for (size_t i = 0; i < rail; ++i) {
    if (report.estimates[i]) id += report.estimates[i]->groups.size();
  }
  return id;
}

std::set<size_t> GroupIdsOf(const RunReport& report, std::string_view kind,
                            const GroupReport& group, size_t rail) {
  std::set<size_t> ids;
  if (group.energy_j[rail]) return ids;
  for (const OpReport& op : report.ops) {
    const std::string_view name =
        kind == "module" ? ModuleOf(op.info.name()) : std::string_view(op.info.type());
    if (name != group.name || rail >= op.estimate.size() || !op.estimate[rail]) continue;
    if (op.estimate[rail]->group) ids.insert(GroupId(report, rail, *op.estimate[rail]->group));
  }
  return ids;
}

std::string GroupsText(const std::set<size_t>& ids) {
  constexpr size_t kMost = 2;  // a cell has no room for more
  std::string text;
  size_t shown = 0;
  for (const size_t id : ids) {
    if (shown++ == kMost) return text + fmt::format(" +{}", ids.size() - kMost);
    text += fmt::format("{}g{}", text.empty() ? "" : " ", id);
  }
  return text;
}

void AddEstimateJson(const RunReport& report, const OpReport& op, ordered_json* json) {
  if (report.estimates.empty()) return;
  for (const char* key : {"dynamic_energy_j", "energy_delay_js", "readings", "covered"}) {
    (*json)[key] = ordered_json::object();
  }
  for (size_t rail = 0; rail < report.rails().size(); ++rail) {
    const std::string& name = report.rails()[rail];
    const std::optional<OperatorEnergy>& energy = op.estimate[rail];
    ordered_json& energy_j = (*json)["energy_j"][name];
    if (!report.estimates[rail]) energy_j["ci95"] = nullptr;  // integrated
    if (report.estimates[rail]) energy_j = NoEstimate();
    if (energy && energy->energy_j) energy_j = EstimateJson(*energy->energy_j);
    if (energy && energy->group) energy_j = {{"group", GroupId(report, rail, *energy->group)}};
    (*json)["dynamic_energy_j"][name] = energy ? OrNull(energy->dynamic_j) : ordered_json(nullptr);
    (*json)["energy_delay_js"][name] =
        energy && energy->energy_j ? ordered_json(energy->energy_j->mean * op.result.time_s.mean)
                                   : ordered_json(nullptr);
    (*json)["readings"][name] = energy ? ordered_json(energy->readings) : ordered_json(nullptr);
    (*json)["covered"][name] = energy ? ordered_json(energy->covered) : ordered_json(nullptr);
  }
}

void AddEstimatesJson(const RunReport& report, ordered_json* document) {
  ordered_json groups = ordered_json::array(), energy = ordered_json::array();
  for (size_t rail = 0; rail < report.estimates.size(); ++rail) {
    if (!report.estimates[rail]) continue;
    energy.push_back(RailEnergyJson(*report.estimates[rail]));
    for (size_t i = 0; i < report.estimates[rail]->groups.size(); ++i) {
      const GroupEnergy& group = report.estimates[rail]->groups[i];
      ordered_json item;
      item["id"] = GroupId(report, rail, i);
      item["rail"] = report.rails()[rail];
      item["ops"] = group.ops;
      item["energy_j"] = EstimateJson(group.energy_j);
      const bool helps = group.more_iterations.value_or(kMaxIterations + 1) <= kMaxIterations;
      item["more_iterations"] = helps ? ordered_json(*group.more_iterations) : nullptr;
      groups.push_back(std::move(item));
    }
  }
  (*document)["groups"] = std::move(groups);
  (*document)["energy"] = std::move(energy);
}

}  // namespace synergy
