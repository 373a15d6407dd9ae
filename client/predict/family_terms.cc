#include "client/predict/family_terms.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr OpClass kClasses[] = {OpClass::kConvolution,    OpClass::kDepthwise,
                                OpClass::kFullyConnected, OpClass::kPooling,
                                OpClass::kNormalisation,  OpClass::kLocalNormalisation,
                                OpClass::kActivation,     OpClass::kElementwise,
                                OpClass::kConcat,         OpClass::kOther};

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

}  // namespace

std::vector<Index> RowsOf(const std::vector<OpClass>& classes, std::optional<OpClass> op_class) {
  std::vector<Index> rows;
  for (size_t i = 0; i < classes.size(); ++i) {
    if (!op_class || classes[i] == *op_class) rows.push_back(static_cast<Index>(i));
  }
  return rows;
}

bool TemperatureVaries(const FeatureTable& table) {
  const VectorXd* celsius = table.Find("temperature");
  return celsius != nullptr && celsius->maxCoeff() - celsius->minCoeff() >= kLeastTemperatures;
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

}  // namespace synergy
