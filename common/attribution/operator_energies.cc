#include "common/attribution/operator_energies.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "common/attribution/mean_interval.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Operators below this share of the energy do not decide how precise a run is.
constexpr double kShareThatCounts = 0.01;

// Mean of the drift's weights over each category's time: categories x knots.
MatrixXd MeanDriftWeights(const CourseTotals& totals) {
  MatrixXd means = totals.knot_seconds;
  for (Eigen::Index i = 0; i < means.rows(); ++i) {
    const double seconds = totals.seconds[static_cast<size_t>(i)];
    if (seconds > 0) means.row(i) /= seconds;
  }
  return means;
}

Estimate EstimateOf(double mean, double model, double robust, double t) {
  const double half = t * std::sqrt(std::max({model, robust, 0.0}));
  return {.mean = mean, .low = mean - half, .high = mean + half};
}

// Currents of the categories, in the unit of the rail's channel.
VectorXd CurrentOf(const MatrixXd& drift_weights, const RailFit& fit) {
  const Index categories = drift_weights.rows();
  const VectorXd drift = drift_weights * fit.p.tail(drift_weights.cols());
  return fit.scale * (fit.p.head(categories) + fit.drift_factor.cwiseProduct(drift));
}

// Powers of categories, and how they change with the parameters: those of the rail's fit and,
// behind them, those of its voltage.
class Powers {
 public:
  Powers(const CourseTotals& totals, const RailFit& fit, const RailSupply& supply)
      : fit_(fit), supply_(supply), drift_weights_(MeanDriftWeights(totals)) {
    const double freedom =
        std::max(1.0, std::min(static_cast<double>(fit.clusters) - 1, fit.noise_freedom));
    t_ = StudentT975(static_cast<uint64_t>(freedom));
    const VectorXd& p = supply.voltage.p;
    terms_ = MatrixXd::Ones(drift_weights_.rows(), p.size());
    if (p.size() > 1) {
      terms_.rightCols(p.size() - 1) = supply.currents;
      volts_an_ampere_ = p[1 + supply.rail];
    }
    volts_ = terms_ * p;
  }

  double Volts(uint32_t category) const { return volts_[category]; }
  double Watts(uint32_t category) const {
    return supply_.currents(category, supply_.rail) * volts_[category];
  }
  // Adds `seconds` of the category's power to a gradient of joules by parameters.
  void AddTo(VectorXd* gradient, uint32_t category, double seconds) const {
    const double current = supply_.currents(category, supply_.rail);
    const double weight = seconds * (volts_[category] + volts_an_ampere_ * current) * fit_.scale;
    (*gradient)[category] += weight;
    gradient->segment(drift_weights_.rows(), drift_weights_.cols()) +=
        weight * fit_.drift_factor[category] * drift_weights_.row(category).transpose();
    gradient->tail(terms_.cols()) += seconds * current * terms_.row(category).transpose();
  }
  VectorXd NoGradient() const { return VectorXd::Zero(fit_.p.size() + terms_.cols()); }
  double t() const { return t_; }
  Estimate Drift() const {
    const VectorXd knots = fit_.p.tail(drift_weights_.cols());
    VectorXd::Index high = 0, low = 0;
    const double span = knots.maxCoeff(&high) - knots.minCoeff(&low);
    const double watts = fit_.scale * volts_[drift_weights_.rows() - 1];  // a step, while idle
    VectorXd gradient = NoGradient();
    gradient.segment(drift_weights_.rows(), drift_weights_.cols())[high] += watts;
    gradient.segment(drift_weights_.rows(), drift_weights_.cols())[low] -= watts;
    return Make(watts * span, gradient);
  }
  Estimate Make(double mean, const VectorXd& gradient) const {
    return EstimateOf(mean, ModelOf(gradient)(0, 0), RobustOf(gradient)(0, 0), t_);
  }
  // Covariances of what has these gradients, by column.
  MatrixXd ModelOf(const MatrixXd& gradients) const {
    return Covariance(gradients, fit_.model_covariance, supply_.voltage.model_covariance);
  }
  MatrixXd RobustOf(const MatrixXd& gradients) const {
    return Covariance(gradients, fit_.robust_covariance, supply_.voltage.robust_covariance);
  }

 private:
  static MatrixXd Covariance(const MatrixXd& gradients, const MatrixXd& of_fit,
                             const MatrixXd& of_voltage) {
    const auto fit = gradients.topRows(of_fit.rows());
    const auto voltage = gradients.bottomRows(of_voltage.rows());
    return fit.transpose() * of_fit * fit + voltage.transpose() * of_voltage * voltage;
  }

  const RailFit& fit_;
  const RailSupply& supply_;
  const MatrixXd drift_weights_;
  MatrixXd terms_;  // of the voltage: categories x terms
  VectorXd volts_;
  double volts_an_ampere_ = 0;
  double t_ = 0;
};

// No operator gives energy back.
Estimate NoLessThanNothing(Estimate e) {
  if (e.mean >= 0) e.low = std::max(e.low, 0.0);
  return e;
}

bool IsTooWide(const Estimate& e) { return !(e.half_width() <= kWidestAlone * e.mean); }

// Assembles one rail's energies.
class Assembly {
 public:
  Assembly(const CourseTotals& totals, const RailFit& fit, const RailSupply& supply)
      : totals_(totals), fit_(fit), powers_(totals, fit, supply) {}

  RailEnergy Make();

 private:
  // Of all executions of the operator, by iteration.
  double SecondsPerInference(uint32_t i) const {
    return totals_.seconds[i] / static_cast<double>(totals_.iterations);
  }
  double SecondsPerExecution(uint32_t i) const {
    return totals_.seconds[i] / static_cast<double>(totals_.executions[i]);
  }
  EnergyMoments Moments() const;
  Estimate OfOneExecution(uint32_t i, Estimate per_inference) const {
    const double share = SecondsPerExecution(i) / SecondsPerInference(i);
    per_inference.mean *= share;
    per_inference.low *= share;
    per_inference.high *= share;
    return per_inference;
  }
  Estimate DynamicOf(uint32_t category, const Estimate& idle) const;
  void AddGroups(const std::vector<uint32_t>& wide, RailEnergy* out) const;
  double MeanWatts(const RailEnergy& out) const;  // while operators run
  void AddGroup(const std::vector<uint32_t>& members, RailEnergy* out) const;
  double Widest(const RailEnergy& out) const;
  std::optional<Estimate> PowerOf(uint32_t category) const;

  const CourseTotals& totals_;
  const RailFit& fit_;
  const Powers powers_;
};

EnergyMoments Assembly::Moments() const {
  const auto count = static_cast<Eigen::Index>(totals_.ops.size());
  MatrixXd gradients(powers_.NoGradient().size(), count);
  EnergyMoments moments;
  moments.mean_j.resize(count);
  for (uint32_t i = 0; i < totals_.ops.size(); ++i) {
    VectorXd gradient = powers_.NoGradient();
    powers_.AddTo(&gradient, i, SecondsPerInference(i));
    gradients.col(i) = gradient;
    moments.mean_j[i] = SecondsPerInference(i) * powers_.Watts(i);
  }
  moments.model = powers_.ModelOf(gradients);
  moments.robust = powers_.RobustOf(gradients);
  moments.t = powers_.t();
  return moments;
}

std::optional<Estimate> Assembly::PowerOf(uint32_t category) const {
  if (fit_.touched[category] == 0) return std::nullopt;
  VectorXd gradient = powers_.NoGradient();
  powers_.AddTo(&gradient, category, 1);
  return powers_.Make(powers_.Watts(category), gradient);
}

Estimate Assembly::DynamicOf(uint32_t category, const Estimate& idle) const {
  const double seconds = SecondsPerExecution(category);
  VectorXd gradient = powers_.NoGradient();
  powers_.AddTo(&gradient, category, seconds);
  powers_.AddTo(&gradient, totals_.idle(), -seconds);
  return powers_.Make(seconds * (powers_.Watts(category) - idle.mean), gradient);
}

void Assembly::AddGroup(const std::vector<uint32_t>& members, RailEnergy* out) const {
  const double mean_w = std::max(MeanWatts(*out), 1e-12);
  GroupEnergy group;
  group.energy_j = out->moments.Sum(members);
  double factor = 1;
  for (const uint32_t i : members) {
    group.ops.push_back(totals_.ops[i]);
    out->ops[i].group = out->groups.size();
    const Estimate alone = out->moments.Sum(std::span(&i, 1));
    // What noise has made large needs more than it seems to, so that no operator is taken for one
    // of more than the network's mean power, nor for one that costs nothing.
    const double usual = mean_w * SecondsPerInference(i);
    const double mean = alone.mean > 0 ? std::min(alone.mean, usual) : usual;
    const double share = alone.half_width() / (kWidestAlone * mean);
    factor = std::max(factor, share * share);
  }
  const double more = (factor - 1) * static_cast<double>(totals_.iterations);
  group.more_iterations = static_cast<uint64_t>(std::ceil(std::min(more, 1e12)));
  out->groups.push_back(std::move(group));
}

double Assembly::MeanWatts(const RailEnergy& out) const {
  double seconds = 0;
  for (uint32_t i = 0; i < totals_.ops.size(); ++i) seconds += SecondsPerInference(i);
  return seconds > 0 ? out.inference_j.mean / seconds : 0;
}

// In the order of the network, each as small as its interval allows; what is left at the end joins
// the last one where that stays narrow.
void Assembly::AddGroups(const std::vector<uint32_t>& wide, RailEnergy* out) const {
  std::vector<std::vector<uint32_t>> groups;
  std::vector<uint32_t> members;
  for (const uint32_t i : wide) {
    members.push_back(i);
    if (members.size() < 2 || IsTooWide(out->moments.Sum(members))) continue;
    groups.push_back(std::move(members));
    members.clear();
  }
  if (!members.empty()) {
    std::vector<uint32_t> joined = groups.empty() ? std::vector<uint32_t>() : groups.back();
    joined.insert(joined.end(), members.begin(), members.end());
    if (!groups.empty() && !IsTooWide(out->moments.Sum(joined))) {
      groups.back() = std::move(joined);
    } else {
      groups.push_back(std::move(members));
    }
  }
  for (const auto& group : groups) AddGroup(group, out);
}

double Assembly::Widest(const RailEnergy& out) const {
  double widest = 0;
  for (uint32_t i = 0; i < out.ops.size(); ++i) {
    const OperatorEnergy& op = out.ops[i];
    const Estimate e =
        op.group ? out.groups[*op.group].energy_j : out.moments.Sum(std::span(&i, 1));
    if (e.mean < kShareThatCounts * out.inference_j.mean) continue;
    widest = std::max(widest, e.half_width() / e.mean);
  }
  return widest;
}

RailEnergy Assembly::Make() {
  RailEnergy out;
  out.rail = fit_.rail;
  out.windows = fit_.windows;
  out.moments = Moments();
  out.between_w = PowerOf(totals_.between());
  out.idle_w = PowerOf(totals_.idle());
  out.drift_w = powers_.Drift();
  std::vector<uint32_t> all, wide, blurred;
  for (uint32_t i = 0; i < totals_.ops.size(); ++i) {
    all.push_back(i);
    OperatorEnergy& op = out.ops.emplace_back();
    op.readings = fit_.touched[i];
    if (totals_.seconds[i] > 0) op.covered = fit_.covered_s[i] / totals_.seconds[i];
    const Estimate energy = OfOneExecution(i, out.moments.Sum(std::span(&i, 1)));
    out.operators_j += totals_.seconds[i] * powers_.Watts(i);
    // Behind a filter that is slower than the operator its error is the filter's, not the noise's.
    if (SecondsPerExecution(i) < fit_.filter_s) {
      blurred.push_back(i);
      continue;
    }
    if (IsTooWide(energy)) {
      wide.push_back(i);
      continue;
    }
    op.energy_j = energy;
    if (out.idle_w) op.dynamic_j = DynamicOf(i, *out.idle_w);
  }
  if (out.between_w) out.between_j = totals_.seconds[totals_.between()] * out.between_w->mean;
  out.inference_j = out.moments.Sum(all);
  out.residual_j = fit_.residual_step_s * fit_.scale * powers_.Volts(totals_.between());
  if (!blurred.empty()) {
    AddGroup(blurred, &out);
    out.groups.back().more_iterations.reset();
  }
  AddGroups(wide, &out);
  out.widest = Widest(out);
  out.noise_steps = fit_.noise_steps;
  out.step_w = fit_.scale * powers_.Volts(totals_.idle());
  out.readings = fit_.readings;
  out.used = fit_.used;
  out.outliers = fit_.outliers;
  out.stuck = fit_.stuck;
  out.period_s = fit_.period_s;
  out.place_sd_s = fit_.place_sd_s;
  out.delay_s = fit_.delay_s;
  return out;
}

}  // namespace

Estimate EnergyMoments::Sum(std::span<const uint32_t> places) const {
  double mean = 0, of_model = 0, of_robust = 0;
  for (const uint32_t a : places) {
    mean += mean_j[a];
    for (const uint32_t b : places) {
      of_model += model(a, b);
      of_robust += robust(a, b);
    }
  }
  return NoLessThanNothing(EstimateOf(mean, of_model, of_robust, t));
}

MatrixXd CurrentsOf(const CourseTotals& totals, std::span<const RailFit> fits) {
  const MatrixXd drift_weights = MeanDriftWeights(totals);
  MatrixXd currents = MatrixXd::Zero(drift_weights.rows(), static_cast<Index>(fits.size()));
  for (size_t i = 0; i < fits.size(); ++i) {
    if (fits[i].p.size() == 0) continue;
    currents.col(static_cast<Index>(i)) = CurrentOf(drift_weights, fits[i]);
  }
  return currents;
}

RailEnergy EnergiesOf(const CourseTotals& totals, const RailFit& fit, const RailSupply& supply) {
  if (fit.why_not.empty() && totals.iterations > 0) return Assembly(totals, fit, supply).Make();
  RailEnergy out;
  out.rail = fit.rail;
  out.why_not = fit.why_not.empty() ? "no iteration was measured to its end" : fit.why_not;
  return out;
}

}  // namespace synergy
