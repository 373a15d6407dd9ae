#include "client/predict/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "client/predict/family_terms.h"
#include "client/predict/left_out.h"
#include "client/predict/part_fit.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Without those of features that the table does not have.
std::vector<Term> Known(std::vector<Term> terms, const FeatureTable& table) {
  std::erase_if(terms, [&](const Term& term) { return !term.IsKnown(table); });
  return terms;
}

absl::Status Check(const FeatureTable& table, const FitOptions& options) {
  if (table.rows() == 0) return absl::InvalidArgumentError("there is nothing to fit: no rows");
  for (Index i = 0; i < table.rows(); ++i) {
    const auto row = static_cast<size_t>(i);
    if (table.energy_j[i] > 0 || Contains(table.whole_runs, table.runs[row])) continue;
    return absl::InvalidArgumentError(
        fmt::format("the energy of {} {} is {:g} J; only energies above 0 can be fitted",
                    table.networks[row], table.layers[row], table.energy_j[i]));
  }
  const bool has_types =
      std::ranges::any_of(table.types, [](const auto& type) { return !type.empty(); });
  if (IsOfOperators(options.family) && !has_types) {
    return absl::InvalidArgumentError(fmt::format(
        "the family {} is of operators, and these rows do not say of which type they are",
        FamilyName(options.family)));
  }
  if (options.degree < 1 || options.degree > kMostDegree) {
    return absl::InvalidArgumentError(
        fmt::format("the degree is {}; allowed is 1 to {}", options.degree, kMostDegree));
  }
  return absl::OkStatus();
}

// `what`: as far as it is known which of its terms' features are not there.
absl::Status Missing(const FitOptions& options, const PartPlan& plan, const FeatureTable& table) {
  std::set<std::string> missing;
  for (const Term& term : plan.terms) {
    for (const Term::Factor& factor : term.factors) {
      if (table.Find(factor.feature) == nullptr) missing.insert(factor.feature);
    }
  }
  if (plan.target != "energy" && table.Find(plan.target) == nullptr) missing.insert(plan.target);
  return absl::InvalidArgumentError(
      fmt::format("the family {} needs the feature {}, which these rows do not have",
                  FamilyName(options.family), fmt::join(missing, ", ")));
}

constexpr std::string_view kCounts[] = {"bus", "simd"};

FeatureTable WithEnergiesOfOperators(const FeatureTable& table, std::vector<std::string>* notes) {
  if (table.whole_runs.empty()) return table;
  std::vector<Index> kept;
  for (Index i = 0; i < table.rows(); ++i) {
    if (!Contains(table.whole_runs, table.runs[static_cast<size_t>(i)])) kept.push_back(i);
  }
  notes->push_back(fmt::format("left out: {} of {} runs, which have no energies of operators: {}",
                               table.whole_runs.size(), DistinctNames(table.runs).size(),
                               fmt::join(table.whole_runs, ", ")));
  FeatureTable out = table.Select(kept);
  out.whole_runs.clear();
  return out;
}

// Of operators whose types say no class.
void NoteOthers(const FeatureTable& rows, const std::vector<OpClass>& classes,
                std::vector<std::string>* notes) {
  std::vector<std::string> types;
  for (const Index row : RowsOf(classes, OpClass::kOther)) {
    types.push_back(fmt::format("'{}'", rows.types[static_cast<size_t>(row)]));
  }
  if (types.empty()) return;
  notes->push_back(fmt::format("other: {} rows of types that say no class, fitted together: {}",
                               types.size(), fmt::join(DistinctNames(types), ", ")));
}

}  // namespace

FeatureTable RowsFor(const FitOptions& options, const FeatureTable& table,
                     std::vector<std::string>* notes) {
  if (options.family != Family::kCounters && options.family != Family::kChain) {
    FeatureTable out =
        IsOfOperators(options.family) ? WithEnergiesOfOperators(table, notes) : table;
    std::erase_if(out.features, [&](const FeatureColumn& c) {
      const bool is_term =
          options.family == Family::kIndividual && Contains(options.more_features, c.name);
      return IsCounted(c.name) && !is_term;
    });
    out.SetIntensity();
    return out;
  }
  FeatureTable out = table;
  std::vector<Index> kept;
  std::vector<std::string> without;
  for (Index i = 0; i < table.rows(); ++i) {
    const bool has = std::ranges::all_of(kCounts, [&](std::string_view name) {
      const VectorXd* counts = table.Find(name);
      return counts == nullptr || !std::isnan((*counts)[i]);
    });
    if (has) kept.push_back(i);
    if (!has) without.push_back(table.runs[static_cast<size_t>(i)]);
  }
  if (without.empty()) return out;
  if (kept.empty()) {  // no run has all: those that are in none are missing
    std::erase_if(out.features, [](const FeatureColumn& c) { return c.values.hasNaN(); });
    return out;
  }
  without = DistinctNames(without);
  notes->push_back(fmt::format("left out: {} of {} runs, which have no counts of {}: {}",
                               without.size(), DistinctNames(table.runs).size(),
                               fmt::join(kCounts, " and "), fmt::join(without, ", ")));
  return table.Select(kept);
}

absl::StatusOr<EnergyModel> FitFamily(const FeatureTable& table, const FitOptions& options) {
  if (absl::Status good = Check(table, options); !good.ok()) return good;
  EnergyModel model;
  FeatureTable rows = RowsFor(options, table, &model.notes);
  if (rows.rows() == 0) {
    return absl::InvalidArgumentError(
        fmt::format("the family {} is of operators, and no run has energies of operators",
                    FamilyName(options.family)));
  }
  if (options.family != Family::kIndividual && !options.more_features.empty()) {
    model.notes.push_back(fmt::format("not used, the family {} has no terms of them: {}",
                                      FamilyName(options.family),
                                      fmt::join(options.more_features, ", ")));
  }
  if (!IsOfOperators(options.family)) rows = rows.ByRun();
  model.family = options.family;
  model.degree = options.degree;
  model.networks = DistinctNames(rows.networks);
  model.runs = DistinctNames(rows.runs);
  if (options.family == Family::kPhysical && rows.Find("temperature") != nullptr &&
      !TemperatureVaries(rows)) {
    model.notes.push_back(
        fmt::format("left out: 'time*temperature', these rows' temperatures are within {} K",
                    kLeastTemperatures));
  }
  if (options.family == Family::kPhysical && rows.Find("time") == nullptr) {
    model.notes.emplace_back("left out: the static power, these rows have no times");
  }
  const std::vector<OpClass> classes = ClassesOf(rows.types);
  if (IsOfOperators(options.family)) NoteOthers(rows, classes, &model.notes);
  std::vector<PartFit> fits;
  for (PartPlan& plan : PlansOf(options, rows, classes)) {
    const bool is_chain = !IsOfOperators(options.family);
    const std::vector<Term> known = Known(plan.terms, rows);
    const bool has_target = plan.target == "energy" || rows.Find(plan.target) != nullptr;
    if (known.empty() || !has_target || (is_chain && known.size() < plan.terms.size())) {
      return Missing(options, plan, rows);
    }
    const bool can_vary = plan.op_class && plan.terms.size() > 1;
    plan.terms = known;
    const std::vector<Index> of_class = RowsOf(classes, plan.op_class);
    absl::StatusOr<PartFit> fit =
        PartFit::Make(std::move(plan), rows.Select(of_class), model.networks, &model.notes);
    if (!fit.ok()) return fit.status();
    if (fit->is_constant() && can_vary) {
      model.notes.push_back(
          fmt::format("{}: only a constant is left: each operator of it is taken to cost the same",
                      OpClassName(*fit->part().op_class)));
    }
    model.parts.push_back(fit->part());
    fits.push_back(*std::move(fit));
  }
  const LeftOut left_out = LeaveOut(model, fits, rows);
  SetIntervals(left_out, &model);
  NoteLeftOut(left_out, &model);
  return model;
}

}  // namespace synergy
