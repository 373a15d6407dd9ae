#include "client/predict/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "client/analysis/student_t.h"
#include "client/predict/intervals.h"
#include "client/predict/part_fit.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr OpClass kClasses[] = {OpClass::kConvolution,    OpClass::kDepthwise,
                                OpClass::kFullyConnected, OpClass::kPooling,
                                OpClass::kNormalisation,  OpClass::kLocalNormalisation,
                                OpClass::kActivation,     OpClass::kElementwise,
                                OpClass::kConcat,         OpClass::kOther};
constexpr double kInside = 0.95;

std::vector<Term> FewTerms(OpClass op_class) {
  switch (op_class) {
    case OpClass::kConvolution:
      return Terms({"macs", "bytes", "1", "im2col_bytes"});
    case OpClass::kDepthwise:
      return Terms({"macs", "bytes", "1"});
    case OpClass::kFullyConnected:
      return Terms({"bytes", "macs", "1"});
    default:
      return Terms({"bytes", "flops", "1"});
  }
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// All products of up to two features that a layer has, and what else a table has of it.
std::vector<Term> ManyTerms(const std::vector<std::string>& more) {
  const std::vector<Term> single = Terms({"macs", "bytes", "im2col_bytes", "flops", "outputs",
                                          "intensity", "kernel", "stride", "channels", "groups"});
  std::vector<Term> terms = single;
  terms.insert(terms.begin(), Term{});
  for (size_t i = 0; i < single.size(); ++i) {
    for (size_t k = i; k < single.size(); ++k) terms.push_back(Product(single[i], single[k]));
  }
  for (const std::string& feature : more) terms.push_back({.factors = {{.feature = feature}}});
  return terms;
}

bool Varies(const VectorXd* values) {
  return values != nullptr && values->maxCoeff() > 1.001 * values->minCoeff();
}

// Less says nothing of what leaks: a sensor's step is as much.
constexpr double kLeastTemperatures = 2;  // K
bool TemperatureVaries(const FeatureTable& table) {
  const VectorXd* celsius = table.Find("temperature");
  return celsius != nullptr && celsius->maxCoeff() - celsius->minCoeff() >= kLeastTemperatures;
}

// Power grows with the square of the voltage, which grows with the clock; what takes long at a slow
// clock pays for leakage.
std::vector<Term> OverClocks(const std::vector<Term>& terms, const FeatureTable& table,
                             std::initializer_list<std::string_view> factors) {
  if (!Varies(table.Find("frequency"))) return terms;
  std::vector<Term> all = terms;
  for (const Term& factor : Terms(factors)) {
    for (const Term& term : terms) all.push_back(Product(term, factor));
  }
  return all;
}

// Without those of features that the table does not have.
std::vector<Term> Known(std::vector<Term> terms, const FeatureTable& table) {
  std::erase_if(terms, [&](const Term& term) { return !term.IsKnown(table); });
  return terms;
}

// Of the class; without one all.
std::vector<Index> RowsOf(const std::vector<OpClass>& classes, std::optional<OpClass> op_class) {
  std::vector<Index> rows;
  for (size_t i = 0; i < classes.size(); ++i) {
    if (!op_class || classes[i] == *op_class) rows.push_back(static_cast<Index>(i));
  }
  return rows;
}

std::vector<PartPlan> MacPlans(int degree) {
  PartPlan plan;
  Term power;
  for (int i = 0; i < degree; ++i) {
    power = Product(power, Terms({"macs"}).front());
    plan.terms.push_back(power);
  }
  return {plan};
}

std::vector<PartPlan> PhysicalPlans(const FeatureTable& table,
                                    const std::vector<OpClass>& classes) {
  std::vector<PartPlan> plans;
  const bool has_times = table.Find("time") != nullptr;
  for (const OpClass op_class : kClasses) {
    if (!has_times || RowsOf(classes, op_class).empty()) continue;
    plans.push_back({.target = "time",
                     .op_class = op_class,
                     .terms = OverClocks(FewTerms(op_class), table, {"frequency^-1"}),
                     .non_negative = true});
  }
  std::vector<Term> terms = Terms({"time", "macs", "bytes"});
  if (Varies(table.Find("frequency"))) {
    terms = Terms({"time", "time*frequency", "macs", "bytes", "macs*frequency^2",
                   "bytes*frequency^2", "time*frequency^3"});
  }
  // What leaks grows with the temperature; around any temperature in proportion.
  if (TemperatureVaries(table)) terms.push_back(Terms({"time*temperature"}).front());
  plans.push_back({.terms = std::move(terms), .non_negative = true});
  return plans;
}

std::vector<PartPlan> PlansOf(const FitOptions& options, const FeatureTable& table,
                              const std::vector<OpClass>& classes) {
  switch (options.family) {
    case Family::kMac:
      return MacPlans(options.degree);
    case Family::kCounters:
      return {{.terms = Terms({"bus", "simd"})}};
    case Family::kChain:
      return {{.target = "simd", .terms = Terms({"macs"})},
              {.target = "bus", .terms = Terms({"simd"})},
              {.terms = Terms({"bus", "simd"})}};
    case Family::kPhysical:
      return PhysicalPlans(table, classes);
    default:
      break;
  }
  std::vector<PartPlan> plans;
  const bool is_individual = options.family == Family::kIndividual;
  for (const OpClass op_class : kClasses) {
    if (RowsOf(classes, op_class).empty()) continue;
    PartPlan plan;
    plan.op_class = op_class;
    if (is_individual) {
      plan.terms = OverClocks(ManyTerms(options.more_features), table, {"frequency^-1"});
      plan.penalty = Penalty::kLasso;
    } else {
      plan.terms = OverClocks(FewTerms(op_class), table, {"frequency^-1", "frequency^2"});
      plan.non_negative = true;
    }
    plans.push_back(std::move(plan));
  }
  return plans;
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

// What one network left out says of the others' model.
struct LeftOut {
  std::vector<std::vector<LogRatio>> ratios;  // by part
  std::vector<double> log_ratios;             // of networks
  std::map<OpClass, size_t> without_ratio;    // operators that were predicted at 0, or below
  std::set<std::string> not_predicted;        // networks: a class of operators was theirs alone
  // By part, terms that the other networks do not tell apart: without which network which.
  std::vector<std::vector<std::string>> fewer_terms;
};

void SetIntervals(const LeftOut& left_out, EnergyModel* model) {
  for (size_t i = 0; i < model->parts.size(); ++i) {
    ModelPart& part = model->parts[i];
    // A class that has the interval of all keeps it.
    if (part.target != "energy" && left_out.ratios[i].size() < kRowsOfShares) continue;
    const RatioRange range = RatioRange95(left_out.ratios[i]).value_or(RatioRange{});
    part.ratio_low = range.low;
    part.ratio_high = range.high;
  }
  const auto count = static_cast<double>(left_out.log_ratios.size());
  if (count < 2) return;
  double squares = 0;
  for (const double ratio : left_out.log_ratios) squares += ratio * ratio;
  const double half =
      StudentTQuantile(0.5 * (1 + kInside), count) * std::sqrt(squares / count * (1 + 1 / count));
  if (half <= kMostLogHalf) model->network_log_half = half;
}

void NoteLeftOut(const LeftOut& left_out, EnergyModel* model) {
  for (size_t i = 0; i < model->parts.size(); ++i) {
    const ModelPart& part = model->parts[i];
    if (left_out.fewer_terms[i].empty()) continue;
    const std::string of = part.op_class ? fmt::format("{}: ", OpClassName(*part.op_class)) : "";
    model->notes.push_back(fmt::format("{}left out, too, where a network is: {}", of,
                                       fmt::join(left_out.fewer_terms[i], "; ")));
  }
  if (!left_out.not_predicted.empty() && !left_out.log_ratios.empty()) {
    model->notes.push_back(
        fmt::format("the interval of networks does not tell of {}, which the others cannot predict",
                    fmt::join(left_out.not_predicted, ", ")));
  }
  for (const auto& [op_class, count] : left_out.without_ratio) {
    model->notes.push_back(
        fmt::format("{}: without their network {} operators are predicted at 0 J or less, which "
                    "the interval does not tell of",
                    OpClassName(op_class), count));
  }
}

// Which parts of the model an operator's interval could be of.
std::vector<size_t> PartsOf(const EnergyModel& model, OpClass op_class) {
  std::vector<size_t> parts;
  for (size_t i = 0; i < model.parts.size(); ++i) {
    const ModelPart& part = model.parts[i];
    if (part.op_class ? *part.op_class == op_class : part.target == "energy") parts.push_back(i);
  }
  return parts;
}

// `rest`: the model without the network.
void AddLeftOut(const EnergyModel& model, const EnergyModel& rest, const FeatureTable& rows,
                size_t network, LeftOut* left_out) {
  const absl::StatusOr<Predictions> predicted = Predict(rest, rows);
  if (!predicted.ok()) return;
  const FeatureTable networks = rows.ByRun();
  for (size_t i = 0; i < predicted->runs.size(); ++i) {
    const Prediction& run = predicted->runs[i];
    if (!run.is_known || !(run.mean > 0)) {
      left_out->not_predicted.insert(model.networks[network]);
      continue;
    }
    const double ratio = std::log(networks.energy_j[static_cast<Index>(i)] / run.mean);
    left_out->log_ratios.push_back(ratio);
    if (predicted->rows.empty()) left_out->ratios.back().push_back({network, ratio});
  }
  const std::vector<OpClass> classes = ClassesOf(rows.types);
  for (size_t i = 0; i < predicted->rows.size(); ++i) {
    const Prediction& row = predicted->rows[i];
    if (!row.is_known) continue;
    if (!(row.mean > 0)) {
      ++left_out->without_ratio[classes[i]];
      continue;
    }
    const double ratio = std::log(rows.energy_j[static_cast<Index>(i)] / row.mean);
    for (const size_t part : PartsOf(model, classes[i])) {
      left_out->ratios[part].push_back({network, ratio});
    }
  }
}

LeftOut LeaveOut(const EnergyModel& model, const std::vector<PartFit>& fits,
                 const FeatureTable& table) {
  LeftOut left_out;
  left_out.ratios.resize(fits.size());
  left_out.fewer_terms.resize(fits.size());
  std::map<std::string_view, std::vector<Index>> rows_of;
  for (Index i = 0; i < table.rows(); ++i) {
    rows_of[table.networks[static_cast<size_t>(i)]].push_back(i);
  }
  for (size_t network = 0; network < model.networks.size(); ++network) {
    EnergyModel rest;
    rest.family = model.family;
    for (size_t i = 0; i < fits.size(); ++i) {
      std::vector<std::string> fewer;
      if (std::optional<ModelPart> part = fits[i].Without(network, &fewer)) {
        rest.parts.push_back(*std::move(part));
      }
      if (fewer.empty()) continue;
      left_out.fewer_terms[i].push_back(
          fmt::format("without {} {}", model.networks[network], fmt::join(fewer, ", ")));
    }
    // Of operators of a class that it alone has nothing is known without it.
    if (rest.parts.size() < fits.size() && !IsOfOperators(model.family)) continue;
    AddLeftOut(model, rest, table.Select(rows_of.at(model.networks[network])), network, &left_out);
  }
  return left_out;
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
  if (!(model.network_log_half > 0)) {
    model.notes.emplace_back("no intervals: fewer than two networks can be left out and predicted");
  }
  return model;
}

}  // namespace synergy
