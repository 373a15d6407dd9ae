// What is left of a rail's fit: sums of a part, and the powers of all parts.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "common/attribution/rail_fitting.h"

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// What the parameters' freedom may add to the noise at once: how much it is depends on the noise.
constexpr double kMostFreedom = 0.2;
// So many times, until the noise moves by less than this share.
constexpr int kMostFreedomRounds = 12;
constexpr double kNoiseSettled = 0.02;
// Below it the likelihood is a staircase, whose curvature does not say how far a step of it
// reaches. A rail of two numbers knows its powers in terms of the noise alone, which is itself
// known badly then. Steps.
constexpr double kQuietNoise = 0.015, kQuietNoiseOfTwo = 0.08;

}  // namespace

// Where the parameters that parts have in common are among `all` of a part's rows, which the noise
// follows.
Eigen::ArrayXi RailFitting::Kept(Eigen::Index all) const {
  Eigen::ArrayXi kept(p_.size() + 1);
  std::iota(kept.begin(), kept.end(), 0);
  kept[p_.size()] = static_cast<int>(all);
  return kept;
}

// As far as it is the readings that know the noise; by no more than kMostFreedom beyond before.
double RailFitting::Freedom(const RailRows& rows) const {
  const Quadratic prior = Prior(&rows);
  const Eigen::Index noise = fit_.p.size();
  const double variance =
      (prior.h + fit_.data.h).ldlt().solve(VectorXd::Unit(noise + 1, noise))[noise];
  const double own = std::max(0.0, 1 - prior.h(noise, noise) * variance);
  const double most = kMostFreedom * fit_.noise / variance;
  return own * std::clamp(FreedomScore(rows.rows(), fit_, prior, categories_),
                          freedom_score_ - most, freedom_score_ + most);
}

bool RailFitting::RegressFreely(RailRows* rows, int most_iterations) {
  if (!Regress(rows, most_iterations)) return false;
  for (int round = 0; round < kMostFreedomRounds && !is_known(); ++round) {
    const double before = noise_;
    const uint64_t outliers = part_.outliers;  // which the rows know as such
    freedom_score_ = Freedom(*rows);
    Regress(rows, most_iterations);
    part_.outliers += outliers;
    if (std::abs(noise_ - before) < kNoiseSettled * before) break;
  }
  return true;
}

// A row stands for the time half-way to its neighbours, but for little of a gap.
double RailFitting::ResidualOf(const RailRows& rows) const {
  const size_t count = rows.rows().size();
  if (count < 2) return 0;
  const double most = (rows.at_ns(count - 1) - rows.at_ns(0)) / static_cast<double>(count - 1);
  const auto half_to = [&](size_t a, size_t b) {
    return std::min(0.5 * (rows.at_ns(b) - rows.at_ns(a)), most);
  };
  double sum_ns = 0;
  for (size_t i = 0; i < count; ++i) {
    if (rows.at_ns(i) < course_->measure_begin || rows.at_ns(i) > course_->measure_end) continue;
    const double stands_for =
        (i > 0 ? half_to(i - 1, i) : 0) + (i + 1 < count ? half_to(i, i + 1) : 0);
    const double noise = std::sqrt(fit_.noise * fit_.noise + rows.rows().variance(i));
    const double expected = rows.rows().Predict(i, fit_.p);
    const double rounding = rows.rows().rounded(i) ? MeanRounding(expected, noise) : 0;
    sum_ns += stands_for * (rows.rows().y(i) - expected - rounding);
  }
  return 1e-9 * sum_ns;
}

// The errors of places are this part's own: they are eliminated.
void RailFitting::Summarise(const RailRows& rows) {
  kept_fit_ = fit_;
  const Eigen::Index all = fit_.p.size();
  const Eigen::ArrayXi kept = Kept(all);
  part_.data = {.h = fit_.data.h(kept, kept), .g = fit_.data.g(kept)};
  const bool by_cluster = fit_.score_products.size() > 0;
  if (by_cluster) part_.score_products = fit_.score_products(kept, kept);
  if (all > p_.size()) {
    const auto gone = Eigen::seq(p_.size(), all - 1);
    const MatrixXd own = fit_.data.h(gone, gone) + Prior(&rows).h(gone, gone);
    const MatrixXd common = fit_.data.h(kept, gone);
    // A score of what is kept, less what the errors of places explain of it.
    const MatrixXd explained = own.ldlt().solve(common.transpose()).transpose();
    part_.data.h -= explained * common.transpose();
    part_.data.g -= explained * fit_.data.g(gone);
    if (by_cluster) {
      const MatrixXd both = fit_.score_products(kept, gone);
      part_.score_products += explained * fit_.score_products(gone, gone) * explained.transpose() -
                              explained * both.transpose() - both * explained.transpose();
    }
  }
  part_.clusters = fit_.clusters;
  part_.used = rows.rows().size();
  part_.touched = rows.touched();
  part_.covered_s = rows.covered_s();
  part_.residual_step_s = ResidualOf(rows);
  SumRows(rows);
}

void RailFitting::SumRows(const RailRows& rows) {
  part_.row_sum = part_.row_squares = VectorXd::Zero(p_.size());
  part_.y_sum = 0;
  part_.y_least = std::numeric_limits<double>::infinity();
  part_.y_most = -part_.y_least;
  part_.rounding = {};
  part_.quiet_rounding.assign(static_cast<size_t>(categories_), {});
  for (size_t i = 0; i < rows.rows().size(); ++i) {
    if (rows.rows().left_out(i)) continue;
    const double y = rows.rows().y(i);
    const bool is_rounded = rows.rows().rounded(i), is_quiet = fit_.noise < kQuietNoiseOfTwo;
    const double expected = !is_rounded || is_quiet ? rows.rows().Predict(i, fit_.p) : 0;
    part_.y_sum += y;
    part_.y_least = std::min(part_.y_least, y);
    part_.y_most = std::max(part_.y_most, y);
    if (!is_rounded) part_.rounding.Add(expected);
    for (const auto& e : rows.rows().entries(i)) {
      if (e.parameter >= p_.size()) continue;
      part_.row_sum[e.parameter] += e.weight;
      part_.row_squares[e.parameter] += e.weight * e.weight;
      if (!is_rounded || !is_quiet || e.parameter >= categories_) continue;
      part_.quiet_rounding[e.parameter].Add(expected, e.weight);
    }
  }
}

// No category draws less than nothing, the drift at its mean included: those that would are put at
// the border, and the others follow. A rail whose readings are negative flows backwards.
VectorXd RailFitting::NotNegative(MatrixXd h, VectorXd g, VectorXd found) const {
  if (!(level_.value_or(0) > 0)) return found;
  constexpr double kFixed = 1e6;  // times what else is known of it
  const double drift =
      summary_.row_sum.segment(categories_, knots_).dot(found.segment(categories_, knots_)) /
      static_cast<double>(summary_.counted());
  std::vector<bool> fixed(static_cast<size_t>(categories_));
  for (bool changed = true; changed;) {
    changed = false;
    for (Eigen::Index i = 0; i < categories_; ++i) {
      const double least = -drift * drift_factor_[i];
      if (fixed[static_cast<size_t>(i)] || found[i] >= least) continue;
      const double weight = kFixed * h(i, i);
      h(i, i) += weight;
      g[i] += weight * least;
      fixed[static_cast<size_t>(i)] = changed = true;
    }
    if (changed) found = h.ldlt().solve(g);
  }
  return found;
}

RailFit RailFitting::Result() const {
  RailFit fit = out_;
  if (!is_known()) return fit;
  const Quadratic prior = Prior(nullptr);
  const Eigen::LDLT<MatrixXd> solver(prior.h + summary_.data.h);
  const Eigen::Index count = p_.size();
  const MatrixXd covariance = solver.solve(MatrixXd::Identity(count + 1, count + 1));
  const MatrixXd robust = covariance * summary_.score_products * covariance;
  const VectorXd found = NotNegative(prior.h + summary_.data.h, prior.g + summary_.data.g,
                                     solver.solve(prior.g + summary_.data.g));
  if (!found.allFinite()) {
    fit.why_not = "with its window as it is described the readings leave no finite powers";
    return fit;
  }
  fit.p = found.head(count);
  fit.model_covariance = covariance.topLeftCorner(count, count);
  fit.robust_covariance = robust.topLeftCorner(count, count);
  fit.clusters = summary_.clusters;
  fit.noise_steps = std::max(NoiseFloor(), found[count]);
  // A variance of n readings is known to sqrt(2 / n) of it. Rounding that is taken for noise is
  // known.
  const double rounding = out_.windows == WindowKind::kFiltered ? kRoundingVariance : 0;
  const double own = std::pow(fit.noise_steps, 2), variance = covariance(count, count);
  fit.noise_freedom = std::pow(own + rounding, 2) / (variance * (2 * own + variance));
  fit.drift_factor = drift_factor_;
  fit.delay_s = 1e-9 * delay_ns_;
  fit.readings = summary_.readings;
  fit.used = summary_.used;
  fit.outliers = summary_.outliers;
  fit.stuck = summary_.stuck;
  fit.residual_step_s = summary_.residual_step_s;
  fit.touched = summary_.touched;
  fit.covered_s = summary_.covered_s;
  const double placed = static_cast<double>(std::max<uint64_t>(summary_.placed, 1));
  fit.place_sd_s = 1e-9 * std::sqrt(summary_.place_squares_ns2 / placed);
  if (summary_.y_least == summary_.y_most && out_.windows != WindowKind::kFiltered) {
    StayInStep(&fit);
  } else {
    BoundRounding(summary_, &fit);
    const bool is_of_two = summary_.y_most - summary_.y_least <= 1;
    if (fit.noise_steps < (is_of_two ? kQuietNoiseOfTwo : kQuietNoise)) AddQuietRounding(&fit);
  }
  const double off = summary_.rounding.Variance(fit.noise_steps);
  fit.model_covariance.topLeftCorner(categories_, categories_).array() += off;
  return fit;
}

namespace {

// What rounding leaves (variances by category, steps^2) may be the same of all that runs, or not.
// An operator that is never more than a share of a window is off by as much more.
void AddRounding(const RailSummary& summary, const VectorXd& left, RailFit* fit) {
  const Eigen::Index count = left.size();
  const VectorXd sd = left.cwiseSqrt();
  fit->model_covariance.topLeftCorner(count, count) += sd * sd.transpose();
  for (Eigen::Index i = 0; i < count; ++i) {
    if (left[i] == 0) continue;
    const double share = summary.row_squares[i] / summary.row_sum[i];
    fit->model_covariance(i, i) += left[i] / (share * share);
  }
}

}  // namespace

// All readings were the same: whatever ran drew that, to a step.
void RailFitting::StayInStep(RailFit* fit) const {
  VectorXd left = VectorXd::Zero(categories_);
  const auto forget = [](Eigen::Index i, MatrixXd* covariance) {
    covariance->row(i).setZero();
    covariance->col(i).setZero();
  };
  for (Eigen::Index i = 0; i < fit->p.size(); ++i) {
    const bool is_knot = i >= categories_;
    if (!is_knot && !(summary_.row_sum[i] > 0)) continue;
    fit->p[i] = is_knot ? 0 : summary_.y_least;
    if (!is_knot) left[i] = kRoundingVariance;
    forget(i, &fit->model_covariance);
    forget(i, &fit->robust_covariance);
  }
  fit->noise_freedom = static_cast<double>(fit->clusters);
  AddRounding(summary_, left, fit);
}

// What the readings of a quiet sensor do not tell of where in a step each operator stands.
void RailFitting::AddQuietRounding(RailFit* fit) const {
  VectorXd left = VectorXd::Zero(categories_);
  for (Eigen::Index i = 0; i < categories_; ++i) {
    if (!(summary_.row_sum[i] > 0)) continue;
    left[i] = summary_.quiet_rounding[static_cast<size_t>(i)].Variance(fit->noise_steps);
  }
  AddRounding(summary_, left, fit);
}

// A rail that hardly moves between two steps tells nothing of where it stands between them, but it
// does not stand elsewhere: the mean of all readings is off by at most half a step, and what is
// left of their noise.
void RailFitting::BoundRounding(const RailSummary& summary, RailFit* fit) {
  const auto count = static_cast<double>(summary.counted());
  const double known = kRoundingVariance + fit->noise_steps * fit->noise_steps / count;
  const VectorXd mean = summary.row_sum / count;
  const VectorXd towards = fit->model_covariance * mean;
  const double variance = mean.dot(towards);
  if (!(variance > known)) return;
  const double gain = (1 - known / variance) / variance;
  fit->p += gain * (summary.y_sum / count - mean.dot(fit->p)) * towards;
  fit->model_covariance -= gain * towards * towards.transpose();
}

}  // namespace synergy
