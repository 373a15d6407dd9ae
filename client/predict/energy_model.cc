#include "client/predict/energy_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::string_view kNames[] = {"mac",        "counters",   "chain",
                                       "layer-type", "individual", "physical"};
// Of a network's energy, predicted in operators beyond the hull: more, and the network is beyond.
constexpr double kShareBeyond = 0.05;
// Of a leverage, that rounding makes.
constexpr double kSlack = 1e-3;

// What computes operators of a class.
struct ClassParts {
  std::vector<const ModelPart*> parts;
  const ModelPart* of_energy = nullptr;
  const ModelPart* of_interval = nullptr;  // the class's own, else that of the energy
  bool is_known = false;  // whether there is a part for each of the model's targets
};

ClassParts PartsOf(const EnergyModel& model, OpClass op_class) {
  ClassParts out;
  std::set<std::string_view> targets, known;
  for (const ModelPart& part : model.parts) {
    targets.insert(part.target);
    if (part.op_class && *part.op_class != op_class) continue;
    known.insert(part.target);
    out.parts.push_back(&part);
    if (part.target == "energy") out.of_energy = &part;
    if (part.op_class && part.ratio_high > 0) out.of_interval = &part;
  }
  if (out.of_interval == nullptr) out.of_interval = out.of_energy;
  out.is_known = out.of_energy != nullptr && known.size() == targets.size();
  return out;
}

// A table of networks, or of operators, with the features that parts of the model add to it.
struct Computed {
  FeatureTable table;
  VectorXd energy_j;
  std::vector<OpClass> classes;     // by row
  std::vector<bool> is_below_zero;  // likewise: of its energy
  std::vector<bool> is_apart;       // its features together are beyond what was fitted to
  std::map<OpClass, ClassParts> parts;
};

// `values`: what the part predicts. Where a feature is not known, nothing is.
std::vector<bool> AreApart(const ModelPart& part, const FeatureTable& table,
                           const VectorXd& values) {
  std::vector<bool> apart(static_cast<size_t>(table.rows()));
  const auto is_there = [&](const std::string& name) { return table.Find(name) != nullptr; };
  if (part.together.features.empty() || apart.empty()) return apart;
  if (!std::ranges::all_of(part.together.features, is_there)) return apart;
  const VectorXd leverages = LeveragesOf(part.together, table, values);
  const double most = (1 + kSlack) * part.together.most;
  for (size_t i = 0; i < apart.size(); ++i) apart[i] = leverages[static_cast<Index>(i)] > most;
  return apart;
}

absl::StatusOr<Computed> Compute(const EnergyModel& model, FeatureTable table) {
  Computed out{.table = std::move(table),
               .energy_j = {},
               .classes = {},
               .is_below_zero = {},
               .is_apart = {},
               .parts = {}};
  out.energy_j = VectorXd::Zero(out.table.rows());
  out.classes = ClassesOf(out.table.types);
  out.is_below_zero.resize(out.classes.size());
  out.is_apart.resize(out.classes.size());
  for (const OpClass op_class : out.classes) {
    if (!out.parts.contains(op_class)) out.parts[op_class] = PartsOf(model, op_class);
  }
  for (const ModelPart& part : model.parts) {
    for (const Term& term : part.terms) {
      if (term.IsKnown(out.table)) continue;
      return absl::NotFoundError(fmt::format(
          "a model of the family {} needs {}, which is not known of what is to be predicted",
          FamilyName(model.family), term.Text()));
    }
    std::vector<Index> rows;
    for (Index i = 0; i < out.table.rows(); ++i) {
      if (!part.op_class || *part.op_class == out.classes[static_cast<size_t>(i)]) {
        rows.push_back(i);
      }
    }
    const FeatureTable of_part = out.table.Select(rows);
    const VectorXd sums = ValuesOf(part, of_part);
    const std::vector<bool> are_apart = AreApart(part, of_part, sums);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (are_apart[i]) out.is_apart[static_cast<size_t>(rows[i])] = true;
    }
    const VectorXd values = sums.cwiseMax(0);
    if (part.target == "energy") {
      out.energy_j(rows) = values;
      for (size_t i = 0; i < rows.size(); ++i) {
        out.is_below_zero[static_cast<size_t>(rows[i])] = sums[static_cast<Index>(i)] < 0;
      }
      continue;
    }
    const VectorXd* before = out.table.Find(part.target);
    VectorXd all = before != nullptr && part.op_class ? *before : VectorXd::Zero(out.table.rows());
    all(rows) = values;
    out.table.Set(part.target, std::move(all));
  }
  return out;
}

// Features that were given, not computed.
std::vector<std::string> Beyond(const ClassParts& parts, const FeatureTable& table, Index row) {
  std::vector<std::string> beyond;
  for (const ModelPart* part : parts.parts) {
    for (const FeatureRange& range : part->hull) {
      const VectorXd* values = table.Find(range.feature);
      // Nobody knows the time before a network ran: families that have it compute it.
      if (values == nullptr || range.feature == "time") continue;
      const bool is_computed =
          std::ranges::find(parts.parts, range.feature, &ModelPart::target) != parts.parts.end();
      const double value = (*values)[row], slack = 1e-9 * std::abs(value);
      const bool is_in = value >= range.low - slack && value <= range.high + slack;
      if (is_in || is_computed || std::ranges::find(beyond, range.feature) != beyond.end())
        continue;
      beyond.push_back(range.feature);
    }
  }
  return beyond;
}

Prediction PredictionOf(const Computed& computed, Index row) {
  Prediction out;
  const OpClass op_class = computed.classes[static_cast<size_t>(row)];
  const ClassParts& parts = computed.parts.at(op_class);
  out.is_known = parts.is_known;
  if (!out.is_known) {
    out.unknown_classes.emplace_back(OpClassName(op_class));
    return out;
  }
  out.mean = computed.energy_j[row];
  out.is_below_zero = computed.is_below_zero[static_cast<size_t>(row)];
  const bool has_interval = parts.of_interval->ratio_high > 0;
  out.low = out.mean * (has_interval ? parts.of_interval->ratio_low : 1);
  out.high = out.mean * (has_interval ? parts.of_interval->ratio_high : 1);
  out.beyond = Beyond(parts, computed.table, row);
  const bool is_apart = computed.is_apart[static_cast<size_t>(row)];
  if (out.beyond.empty() && is_apart) out.beyond.emplace_back(kTogether);
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
    out.runs[run].is_below_zero = out.runs[run].is_below_zero || row.is_below_zero;
    for (const std::string& op_class : row.unknown_classes) {
      std::vector<std::string>& classes = out.runs[run].unknown_classes;
      if (std::ranges::find(classes, op_class) == classes.end()) classes.push_back(op_class);
    }
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

CoefficientError EnergyModel::ErrorOf(const ModelPart& part, Index term) const {
  const double variance = part.covariance(term, term);
  if (variance > 0) return {.sd = std::sqrt(variance)};
  if (part.coefficients[term] != 0) return {};
  return {.sd = std::nullopt, .at_bound = family != Family::kIndividual};  // Lasso's has no bound
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
