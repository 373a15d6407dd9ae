#include "client/predict/part_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

// A coefficient is fitted to at least so many rows.
constexpr double kRowsATerm = 2;
// Relative errors count, but those of what is below this share of the mean count as if it were
// that: it makes no difference to a network.
constexpr double kLeastShare = 0.05;
// Weights follow from what is predicted, not from what was measured: else rows that were measured
// too low count more.
constexpr int kRounds = 3;
// Of a model, relative: where it seems to have less, measurements that say they are better are not
// believed.
constexpr double kLeastError = 1e-3;
// In which the strength of a penalty is found.
constexpr size_t kFolds = 6;
// What kind a network is no coefficient tells: only as most networks are it is like them. This
// share of them is cut off at either end.
constexpr double kCutOff = 0.25;
// Features that say what kind of a network it is.
constexpr std::string_view kKinds[] = {"depthwise_share"};
// What a whole network's energy depends on whether or not a term has it.
constexpr std::string_view kOfNetworks[] = {"depthwise_share", "frequency"};

FeatureRange RangeOf(const FeatureColumn& column) {
  VectorXd values = column.values;
  std::ranges::sort(values);
  const bool is_kind = std::ranges::find(kKinds, column.name) != std::end(kKinds);
  const auto cut = static_cast<Index>(is_kind ? kCutOff * static_cast<double>(values.size()) : 0);
  return {.feature = column.name, .low = values[cut], .high = values[values.size() - 1 - cut]};
}

// "convolution: ", or nothing where it is of all.
std::string OfClass(const PartPlan& plan) {
  return plan.op_class ? fmt::format("{}: ", OpClassName(*plan.op_class)) : std::string();
}

}  // namespace

std::vector<std::string> PartFit::names() const {
  std::vector<std::string> names;
  for (const Term& term : plan_.terms) names.push_back(term.Text());
  return names;
}

LinearOptions PartFit::options() const {
  return {.non_negative = std::vector<bool>(plan_.non_negative ? plan_.terms.size() : 0, true)};
}

// What a term has matters; besides, of operators of a class everything but how warm the board was.
bool PartFit::Looks(std::string_view feature) const {
  const bool is_in_term = std::ranges::any_of(plan_.terms, [&](const Term& term) {
    return std::ranges::find(term.factors, feature, &Term::Factor::feature) != term.factors.end();
  });
  if (is_in_term || plan_.op_class) return is_in_term || feature != "temperature";
  return std::ranges::find(kOfNetworks, feature) != std::end(kOfNetworks);
}

bool PartFit::is_constant() const {
  return std::ranges::all_of(plan_.terms, [](const Term& term) { return term.factors.empty(); });
}

void PartFit::AddUp() {
  const size_t networks = by_network_.size();
  std::vector<std::vector<Index>> rows(networks);
  for (size_t i = 0; i < network_of_row_.size(); ++i) {
    rows[network_of_row_[i]].push_back(static_cast<Index>(i));
  }
  by_network_.assign(networks, Gram(x_.cols()));
  all_.emplace(x_.cols());
  for (size_t n = 0; n < networks; ++n) {
    by_network_[n].Add(x_(rows[n], Eigen::all), y_(rows[n]), weights_(rows[n]));
    all_->Add(by_network_[n]);
  }
}

// Each time the first that the rows say nothing of.
absl::Status PartFit::LeaveOutTerms(std::vector<std::string>* notes) {
  const std::string of = OfClass(plan_);
  const auto leave_out = [&](Index column, const std::string& why) {
    notes->push_back(fmt::format("{}left out: {}", of, why));
    plan_.terms.erase(plan_.terms.begin() + column);
    const Index after = x_.cols() - column - 1;
    x_.middleCols(column, after) = x_.rightCols(after).eval();
    x_.conservativeResize(Eigen::NoChange, x_.cols() - 1);
    AddUp();
  };
  for (Index i = x_.cols() - 1; i >= 0 && x_.cols() > 1; --i) {
    if (!x_.col(i).isZero(0)) continue;
    leave_out(i, fmt::format("'{}' is 0 in every row", names()[static_cast<size_t>(i)]));
  }
  const auto most = static_cast<Index>(std::max(1.0, static_cast<double>(x_.rows()) / kRowsATerm));
  while (x_.cols() > most) {
    leave_out(x_.cols() - 1, fmt::format("'{}', {} rows are too few for it",
                                         plan_.terms.back().Text(), x_.rows()));
  }
  while (const std::optional<Dependence> dependence = FindDependence(*all_, names())) {
    if (x_.cols() == 1) return absl::InvalidArgumentError(of + dependence->words);
    leave_out(dependence->column, dependence->words);
  }
  if (const std::optional<std::string> words = FindLikeness(*all_, names())) {
    notes->push_back(of + *words);
  }
  return absl::OkStatus();
}

std::optional<LinearFit> PartFit::FitOf(const Gram& gram) const {
  if (gram.rows() < 1) return std::nullopt;
  if (plan_.penalty) return FitAtStrength(gram, *plan_.penalty, strength_, options());
  const absl::StatusOr<LinearFit> fit = FitLinear(gram, names(), options());
  if (!fit.ok()) return std::nullopt;
  return *fit;
}

// By leaving out networks, a part of them at once.
absl::Status PartFit::FindStrength() {
  std::vector<Gram> folds;
  size_t next = 0;
  for (const Gram& gram : by_network_) {
    if (gram.rows() < 1) continue;
    if (folds.size() < kFolds) {
      folds.push_back(gram);
    } else {
      folds[next++ % kFolds].Add(gram);
    }
  }
  if (folds.size() < 2) return absl::OkStatus();
  const auto found = FitPenalised(folds, *plan_.penalty, options());
  if (!found.ok()) return found.status();
  strength_ = found->strength;
  return absl::OkStatus();
}

absl::Status PartFit::Fit() {
  for (int round = 0; round < kRounds; ++round) {
    if (plan_.penalty && round == 0) {
      if (absl::Status status = FindStrength(); !status.ok()) return status;
    }
    const std::optional<LinearFit> fit = FitOf(*all_);
    if (!fit) return FitLinear(*all_, names(), options()).status();
    fit_ = *fit;
    if (round + 1 == kRounds) break;
    const VectorXd found = x_ * fit_.coefficients;
    const double least = kLeastShare * y_.mean();
    const VectorXd scale = found.array().square() + least * least;
    // The model's own relative error, beside what the measurements are off by.
    const double own =
        ((y_ - found).array().square() - sd_.array().square()).cwiseQuotient(scale.array()).mean();
    const double variance = std::clamp(own, kLeastError * kLeastError, 1.0);
    weights_ = (scale.array() + sd_.array().square() / variance).inverse();
    AddUp();
  }
  return absl::OkStatus();
}

absl::StatusOr<PartFit> PartFit::Make(PartPlan plan, const FeatureTable& rows,
                                      const std::vector<std::string>& networks,
                                      std::vector<std::string>* notes) {
  PartFit out;
  out.plan_ = std::move(plan);
  const bool is_energy = out.plan_.target == "energy";
  out.y_ = is_energy ? rows.energy_j : *rows.Find(out.plan_.target);
  out.sd_ = is_energy ? rows.energy_sd_j : VectorXd(VectorXd::Zero(rows.rows()));
  std::map<std::string_view, size_t> place;
  for (size_t i = 0; i < networks.size(); ++i) place[networks[i]] = i;
  for (const std::string& network : rows.networks) {
    out.network_of_row_.push_back(place.at(network));
  }
  out.by_network_.resize(networks.size(), Gram(0));
  out.x_.resize(rows.rows(), static_cast<Index>(out.plan_.terms.size()));
  for (Index i = 0; i < out.x_.cols(); ++i) {
    out.x_.col(i) = out.plan_.terms[static_cast<size_t>(i)].Values(rows);
  }
  const double least = kLeastShare * out.y_.mean();
  out.weights_ = (out.y_.array().square() + out.sd_.array().square() + least * least).inverse();
  out.AddUp();
  if (!out.plan_.penalty) {
    if (absl::Status status = out.LeaveOutTerms(notes); !status.ok()) return status;
  } else if (const auto dependence = FindDependence(*out.all_, out.names())) {
    notes->push_back(fmt::format("{}the penalty chooses between terms, {}", OfClass(out.plan_),
                                 dependence->words));
  }
  if (absl::Status status = out.Fit(); !status.ok()) return status;
  for (const FeatureColumn& column : rows.features) {
    if (out.Looks(column.name)) out.hull_.push_back(RangeOf(column));
  }
  return out;
}

ModelPart PartFit::PartOf(const Gram& gram, const LinearFit& fit) const {
  return {.target = plan_.target,
          .op_class = plan_.op_class,
          .terms = plan_.terms,
          .coefficients = fit.coefficients,
          .covariance = fit.covariance,
          .scales = (gram.xx().diagonal() / std::max(gram.rows(), 1.0)).cwiseSqrt(),
          .rows = static_cast<uint64_t>(gram.rows()),
          .ratio_low = 0,
          .ratio_high = 0,
          .hull = hull_};
}

ModelPart PartFit::part() const { return PartOf(*all_, fit_); }

std::optional<ModelPart> PartFit::Without(size_t network) const {
  const Gram rest = all_->Without(by_network_[network]);
  const std::optional<LinearFit> fit = FitOf(rest);
  if (!fit) return std::nullopt;
  return PartOf(rest, *fit);
}

}  // namespace synergy
