#include "client/predict/part_fit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
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
// Of a term's square that others must leave for it to be told from them, in rows that count by
// their own energies: what rounding and other weights make of it later is far above kSingular.
constexpr double kLeastOwn = 1e-7;
// Weights follow from what is predicted, not from what was measured: else rows that were measured
// too low count more. With standard errors until the model's own error beside them is known to this
// share, or so many times.
constexpr int kRounds = 3;
constexpr int kMostRounds = 12;
constexpr double kOwnShare = 0.02;
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

// Not of when it ran.
bool IsOfOperator(std::string_view feature) {
  return feature != "time" && feature != "frequency" && feature != "temperature";
}

// The model's own, relative to `scale`: with it squares of what is left are, over what is expected
// of each, as many as there are degrees of freedom. So a row that was measured badly says little of
// it. Paule and Mandel, "Consensus values and weighting factors" (1982).
double OwnVariance(const VectorXd& squares, const VectorXd& scale, const VectorXd& variances,
                   double freedom) {
  constexpr int kHalvings = 40;
  double low = kLeastError * kLeastError, high = 1;
  const auto is_too_small = [&](double own) {
    return (squares.array() / (own * scale + variances).array()).sum() > freedom;
  };
  if (!is_too_small(low)) return low;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = std::sqrt(low * high);
    (is_too_small(middle) ? low : high) = middle;
  }
  return high;
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

LinearOptions PartFit::options(size_t terms) const {
  return {.non_negative = std::vector<bool>(plan_.non_negative ? terms : 0, true)};
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

// `gram`: by the first weights.
ChosenColumns PartFit::TellApart(const Gram& gram) const {
  ChosenColumns chosen = ChooseColumns(gram, names(), kLeastOwn);
  // A penalty that other networks chose bears more.
  const auto has_rows = [](const Gram& of) { return of.rows() > 0; };
  if (plan_.penalty && std::ranges::count_if(by_network_, has_rows) > 1) return chosen;
  const auto most = static_cast<size_t>(std::max(1.0, gram.rows() / kRowsATerm));
  while (chosen.kept.size() > most) {
    chosen.left_out.push_back(
        {chosen.kept.back(), false,
         fmt::format("'{}', {} rows are too few for it",
                     plan_.terms[static_cast<size_t>(chosen.kept.back())].Text(), gram.rows())});
    chosen.kept.pop_back();
  }
  return chosen;
}

void PartFit::Keep(const std::vector<Index>& columns) {
  std::vector<Term> terms;
  for (const Index column : columns) {
    terms.push_back(std::move(plan_.terms[static_cast<size_t>(column)]));
  }
  plan_.terms = std::move(terms);
  x_ = x_(Eigen::all, columns).eval();
  for (Gram& gram : first_by_network_) gram = gram.Columns(columns);
  AddUp();
}

// Of a penalty's many terms on one line, without products of features that are 0 themselves.
void PartFit::NoteLeftOut(const std::vector<Dependence>& left_out,
                          std::vector<std::string>* notes) const {
  const std::vector<std::string> names = this->names();
  std::vector<std::string> zeros, sums;
  for (const Dependence& dependence : left_out) {
    if (!plan_.penalty) {
      notes->push_back(fmt::format("{}left out: {}", OfClass(plan_), dependence.words));
      continue;
    }
    const auto at = static_cast<size_t>(dependence.column);
    const bool is_product = std::ranges::any_of(plan_.terms[at].factors, [&](const auto& factor) {
      return names[at] != factor.feature && std::ranges::find(zeros, factor.feature) != zeros.end();
    });
    if (dependence.is_zero && !is_product) zeros.push_back(names[at]);
    if (!dependence.is_zero) sums.push_back(names[at]);
  }
  if (zeros.empty() && sums.empty()) return;
  std::vector<std::string> parts;
  if (!zeros.empty())
    parts.push_back(fmt::format("0 in every row: {} and their products", fmt::join(zeros, ", ")));
  if (!sums.empty()) parts.push_back(fmt::format("sums of others: {}", fmt::join(sums, ", ")));
  notes->push_back(fmt::format("{}left out: {}", OfClass(plan_), fmt::join(parts, "; ")));
}

absl::Status PartFit::LeaveOutTerms(std::vector<std::string>* notes) {
  const ChosenColumns chosen = TellApart(*all_);
  if (chosen.kept.empty()) {
    return absl::InvalidArgumentError(OfClass(plan_) + chosen.left_out.front().words);
  }
  NoteLeftOut(chosen.left_out, notes);
  if (!chosen.left_out.empty()) Keep(chosen.kept);
  return absl::OkStatus();
}

// Of these columns; the coefficients of the others are 0.
absl::StatusOr<LinearFit> PartFit::FitOf(const Gram& gram, const std::vector<Index>& columns,
                                         double strength) const {
  const Gram of = gram.Columns(columns);
  std::vector<std::string> all = names(), kept;
  for (const Index column : columns) kept.push_back(all[static_cast<size_t>(column)]);
  absl::StatusOr<LinearFit> fit =
      plan_.penalty ? FitAtStrength(of, *plan_.penalty, strength, options(columns.size()))
                    : FitLinear(of, kept, options(columns.size()));
  if (!fit.ok()) return fit.status();
  LinearFit whole = *fit;
  whole.coefficients = VectorXd::Zero(gram.columns());
  whole.coefficients(columns) = fit->coefficients;
  whole.covariance = Eigen::MatrixXd::Zero(gram.columns(), gram.columns());
  whole.covariance(columns, columns) = fit->covariance;
  return whole;
}

// By errors of folds that are left out: networks, several together where there are many; of one
// network alone its rows in turns.
absl::Status PartFit::FindStrength() {
  strength_without_.assign(by_network_.size(), 0);
  if (!plan_.penalty) return absl::OkStatus();
  std::vector<size_t> fold_of(by_network_.size(), 0);
  size_t networks = 0;
  for (size_t n = 0; n < by_network_.size(); ++n) {
    if (by_network_[n].rows() > 0) fold_of[n] = networks++ % kFolds;
  }
  std::vector<std::vector<Index>> rows(kFolds);
  for (size_t i = 0; i < network_of_row_.size(); ++i) {
    const size_t fold = networks > 1 ? fold_of[network_of_row_[i]] : i % kFolds;
    rows[fold].push_back(static_cast<Index>(i));
  }
  std::erase_if(rows, [](const auto& of) { return of.empty(); });
  if (rows.size() < 2) return absl::OkStatus();
  std::vector<Gram> folds(rows.size(), Gram(x_.cols()));
  for (size_t f = 0; f < rows.size(); ++f) {
    folds[f].Add(x_(rows[f], Eigen::all), y_(rows[f]), weights_(rows[f]));
  }
  const auto found = FitPenalised(folds, *plan_.penalty, options(plan_.terms.size()));
  if (!found.ok()) return found.status();
  strength_ = found->strength;
  for (size_t n = 0; n < by_network_.size(); ++n) {
    strength_without_[n] = found->strength_without[fold_of[n]];
  }
  return absl::OkStatus();
}

// Of terms that count.
void PartFit::NoteLikeness(std::vector<std::string>* notes) const {
  std::vector<Index> counting;
  std::vector<std::string> of_counting;
  for (Index i = 0; i < fit_.coefficients.size(); ++i) {
    if (plan_.penalty && fit_.coefficients[i] == 0) continue;
    counting.push_back(i);
    of_counting.push_back(plan_.terms[static_cast<size_t>(i)].Text());
  }
  if (const auto words = FindLikeness(all_->Columns(counting), of_counting)) {
    notes->push_back(OfClass(plan_) + *words);
  }
}

// By what is predicted, with the model's own relative error beside what measurements are off by.
void PartFit::Reweigh() {
  const VectorXd found = x_ * fit_.coefficients;
  const double least = kLeastShare * y_.mean();
  const VectorXd scale = found.array().square() + least * least;
  const VectorXd variances = sd_.array().square();
  const double before = own_variance_;
  own_variance_ = OwnVariance((y_ - found).array().square(), scale, variances, fit_.freedom);
  is_weighed_ = sd_.isZero(0) || std::abs(own_variance_ - before) <= kOwnShare * before;
  weights_ = (scale + variances / own_variance_).cwiseInverse();
  AddUp();
}

absl::Status PartFit::Fit(std::vector<std::string>* notes) {
  for (int round = 0; round < kRounds || (round < kMostRounds && !is_weighed_); ++round) {
    if (round > 0) Reweigh();
    const ChosenColumns chosen = ChooseColumns(*all_, names(), kSingular);
    NoteLeftOut(chosen.left_out, notes);
    if (!chosen.left_out.empty()) Keep(chosen.kept);
    std::vector<Index> columns(plan_.terms.size());
    std::iota(columns.begin(), columns.end(), Index{0});
    const absl::StatusOr<LinearFit> fit = FitOf(*all_, columns, strength_);
    if (!fit.ok()) return fit.status();
    fit_ = *fit;
  }
  if (!fit_.is_settled) {
    notes->push_back(
        fmt::format("{}the coefficients did not settle: others may be better", OfClass(plan_)));
  }
  return absl::OkStatus();
}

void PartFit::SetRanges(const FeatureTable& rows) {
  std::vector<std::string> together;
  for (const FeatureColumn& column : rows.features) {
    if (!Looks(column.name)) continue;
    hull_.push_back(RangeOf(column));
    const auto& [feature, low, high] = hull_.back();
    if (low < high && IsOfOperator(feature)) together.push_back(feature);
  }
  if (!plan_.op_class || together.empty()) return;
  together_ = JointRangeOf(rows, together, x_ * fit_.coefficients, kLeastShare * y_.mean());
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
  if (absl::Status status = out.LeaveOutTerms(notes); !status.ok()) return status;
  out.first_by_network_ = out.by_network_;
  if (absl::Status status = out.FindStrength(); !status.ok()) return status;
  if (absl::Status status = out.Fit(notes); !status.ok()) return status;
  out.NoteLikeness(notes);
  out.SetRanges(rows);
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
          .hull = hull_,
          .together = together_};
}

ModelPart PartFit::part() const { return PartOf(*all_, fit_); }

std::optional<ModelPart> PartFit::Without(size_t network,
                                          std::vector<std::string>* left_out) const {
  if (by_network_[network].rows() < 1) return part();
  const Gram rest = SumWithout(by_network_, network);
  if (rest.rows() < 1) return std::nullopt;
  const std::vector<Index> kept = TellApart(SumWithout(first_by_network_, network)).kept;
  const std::vector<std::string> names = this->names();
  std::vector<std::string> kept_names;
  for (const Index column : kept) kept_names.push_back(names[static_cast<size_t>(column)]);
  std::vector<Index> sure;
  for (const Index i : ChooseColumns(rest.Columns(kept), kept_names, kSingular).kept) {
    sure.push_back(kept[static_cast<size_t>(i)]);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const bool counts = fit_.coefficients[static_cast<Index>(i)] != 0;
    if (counts && std::ranges::find(sure, static_cast<Index>(i)) == sure.end()) {
      left_out->push_back("'" + names[i] + "'");
    }
  }
  if (sure.empty()) return std::nullopt;
  const absl::StatusOr<LinearFit> fit = FitOf(rest, sure, strength_without_[network]);
  if (!fit.ok()) return std::nullopt;
  return PartOf(rest, *fit);
}

}  // namespace synergy
