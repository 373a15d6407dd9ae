#include "client/predict/energy_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::string_view kNames[] = {"mac",        "counters",   "chain",
                                       "layer-type", "individual", "physical"};
// Of a network's energy, predicted in operators beyond the hull: more, and the network is beyond.
constexpr double kShareBeyond = 0.05;

bool IsOf(const ModelPart& part, const std::string& type) {
  return !part.op_class || *part.op_class == ClassOfType(type);
}

// A table of networks, or of operators, with the features that parts of the model add to it.
struct Computed {
  FeatureTable table;
  VectorXd energy_j;
  std::vector<const ModelPart*> part;  // of the energy, by row; null: none is of the row
};

absl::StatusOr<Computed> Compute(const EnergyModel& model, FeatureTable table) {
  Computed out{.table = std::move(table), .energy_j = {}, .part = {}};
  out.energy_j = VectorXd::Zero(out.table.rows());
  out.part.resize(static_cast<size_t>(out.table.rows()));
  std::map<std::string_view, std::vector<uint8_t>>
      known;  // by target, whether a part is of the row
  for (const ModelPart& part : model.parts) {
    for (const Term& term : part.terms) {
      if (term.IsKnown(out.table)) continue;
      return absl::NotFoundError(fmt::format(
          "a model of the family {} needs {}, which is not known of what is to be predicted",
          FamilyName(model.family), term.Text()));
    }
    std::vector<Index> rows;
    for (Index i = 0; i < out.table.rows(); ++i) {
      if (IsOf(part, out.table.types[static_cast<size_t>(i)])) rows.push_back(i);
    }
    std::vector<uint8_t>& of_target = known[part.target];
    of_target.resize(out.part.size());
    for (const Index row : rows) of_target[static_cast<size_t>(row)] = 1;
    const VectorXd values = ValuesOf(part, out.table.Select(rows)).cwiseMax(0);
    if (part.target == "energy") {
      for (size_t i = 0; i < rows.size(); ++i) {
        out.energy_j[rows[i]] = values[static_cast<Index>(i)];
        out.part[static_cast<size_t>(rows[i])] = &part;
      }
      continue;
    }
    const VectorXd* before = out.table.Find(part.target);
    VectorXd all = before != nullptr && part.op_class ? *before : VectorXd::Zero(out.table.rows());
    for (size_t i = 0; i < rows.size(); ++i) all[rows[i]] = values[static_cast<Index>(i)];
    out.table.Set(part.target, std::move(all));
  }
  for (const auto& [target, rows] : known) {
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] == 0) out.part[i] = nullptr;
    }
  }
  return out;
}

std::vector<std::string> Beyond(const ModelPart& part, const FeatureTable& table, Index row) {
  std::vector<std::string> beyond;
  for (const FeatureRange& range : part.hull) {
    const VectorXd* values = table.Find(range.feature);
    if (values == nullptr) continue;
    const double value = (*values)[row], slack = 1e-9 * std::abs(value);
    if (value < range.low - slack || value > range.high + slack) beyond.push_back(range.feature);
  }
  return beyond;
}

Prediction PredictionOf(const Computed& computed, Index row) {
  Prediction out;
  const ModelPart* part = computed.part[static_cast<size_t>(row)];
  out.is_known = part != nullptr;
  if (!out.is_known) return out;
  out.mean = computed.energy_j[row];
  const bool has_interval = part->ratio_high > 0;
  out.low = out.mean * (has_interval ? part->ratio_low : 1);
  out.high = out.mean * (has_interval ? part->ratio_high : 1);
  out.beyond = Beyond(*part, computed.table, row);
  return out;
}

void SetNetworkInterval(const EnergyModel& model, Prediction* network) {
  const double factor = std::exp(model.network_log_half);
  network->low = network->mean / factor;
  network->high = network->mean * factor;
}

// Sums of operators. What lies beyond is named where it makes up enough of the energy.
Predictions SumUp(const EnergyModel& model, const Computed& computed) {
  Predictions out;
  out.run_names = DistinctNames(computed.table.runs);
  std::map<std::string_view, size_t> place;
  for (size_t i = 0; i < out.run_names.size(); ++i) place[out.run_names[i]] = i;
  out.runs.resize(out.run_names.size());
  std::vector<std::map<std::string, double>> beyond_j(out.runs.size());
  for (Index i = 0; i < computed.table.rows(); ++i) {
    Prediction row = PredictionOf(computed, i);
    const size_t run = place.at(computed.table.runs[static_cast<size_t>(i)]);
    out.runs[run].mean += row.mean;
    out.runs[run].is_known = out.runs[run].is_known && row.is_known;
    for (const std::string& feature : row.beyond) beyond_j[run][feature] += row.mean;
    out.rows.push_back(std::move(row));
  }
  for (size_t run = 0; run < out.runs.size(); ++run) {
    SetNetworkInterval(model, &out.runs[run]);
    for (const auto& [feature, joules] : beyond_j[run]) {
      if (joules > kShareBeyond * out.runs[run].mean) out.runs[run].beyond.push_back(feature);
    }
  }
  return out;
}

}  // namespace

std::string_view FamilyName(Family family) { return kNames[static_cast<size_t>(family)]; }

std::optional<Family> FamilyOfName(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == std::end(kNames)) return std::nullopt;
  return kFamilies[found - std::begin(kNames)];
}

bool IsOfOperators(Family family) {
  return family == Family::kLayerType || family == Family::kIndividual ||
         family == Family::kPhysical;
}

size_t ModelPart::complexity() const {
  return static_cast<size_t>((coefficients.array() != 0).count());
}

size_t EnergyModel::complexity() const {
  size_t sum = 0;
  for (const ModelPart& part : parts) sum += part.complexity();
  return sum;
}

VectorXd ValuesOf(const ModelPart& part, const FeatureTable& table) {
  VectorXd values = VectorXd::Zero(table.rows());
  for (size_t i = 0; i < part.terms.size(); ++i) {
    const double coefficient = part.coefficients[static_cast<Index>(i)];
    if (coefficient != 0) values += coefficient * part.terms[i].Values(table);
  }
  return values;
}

absl::StatusOr<Predictions> Predict(const EnergyModel& model, const FeatureTable& table) {
  if (IsOfOperators(model.family)) {
    const absl::StatusOr<Computed> computed = Compute(model, table);
    if (!computed.ok()) return computed.status();
    return SumUp(model, *computed);
  }
  const absl::StatusOr<Computed> computed = Compute(model, table.ByRun());
  if (!computed.ok()) return computed.status();
  Predictions out;
  out.run_names = computed->table.runs;
  for (Index i = 0; i < computed->table.rows(); ++i) {
    out.runs.push_back(PredictionOf(*computed, i));
    SetNetworkInterval(model, &out.runs.back());
  }
  return out;
}

}  // namespace synergy
