#include "common/attribution/rounded_regression.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kHalfStep = 0.5;
// Beyond so many standard deviations a normal tail is replaced by its asymptote: the interval's
// likelihood underflows soon after.
constexpr double kFarTail = 25;
constexpr double kMostNoise = 1e18;
// From here on the rounding is as good as normal noise of a twelfth of a step^2: the difference of
// the likelihoods is below 1e-6.
constexpr double kRoundingDrowns = 2;
// Of the noise in one step.
constexpr double kMostGrowth = 1.5;
// The likelihood is settled once a step gains less than this.
constexpr double kSettled = 1e-3;

double Density(double x) {
  constexpr double kInverseRootOfTwoPi = 0.39894228040143267794;
  return kInverseRootOfTwoPi * std::exp(-0.5 * x * x);
}

// P(x > t), for t >= 0 without cancellation.
double UpperTail(double t) { return 0.5 * std::erfc(t * M_SQRT1_2); }

// The log-likelihood of one reading, up to a constant, and its derivatives by its prediction and
// its standard deviation: the gradient, and minus the second ones (of a rounded one without the
// terms that vanish where the likelihood is highest: what is left is never negative).
struct Point {
  double log_likelihood = 0;
  double score = 0, noise_score = 0;
  double curvature = 0, cross = 0, noise_curvature = 0;
};

constexpr double kLogOfRootOfTwoPi = 0.91893853320467274178;

// Of a reading that is not rounded: normal with this variance. `sd`: what the derivatives are by.
Point PointOfExact(double residual, double sd, double variance) {
  const double square = residual * residual / variance, slope = sd / variance;
  return {.log_likelihood = -0.5 * (square + std::log(variance)) - kLogOfRootOfTwoPi,
          .score = residual / variance,
          .noise_score = (square - 1) * slope,
          .curvature = 1 / variance,
          .cross = 0,
          .noise_curvature = 2 * slope * slope};
}

// The interval that was rounded to the reading, in standard deviations from the prediction,
// mirrored so that it lies on the side of the upper tail.
struct Interval {
  double near = 0, far = 0;
  double sign = 1;

  Interval(double residual, double sd) {
    const double lower = (residual - kHalfStep) / sd, upper = (residual + kHalfStep) / sd;
    const bool above = lower + upper >= 0;
    near = above ? lower : -upper;
    far = above ? upper : -lower;
    sign = above ? 1 : -1;
  }
  bool is_far() const { return near > kFarTail; }
  double mass() const {
    return near >= 0 ? UpperTail(near) - UpperTail(far) : 1 - UpperTail(-near) - UpperTail(far);
  }
};

Point PointOfRounded(double residual, double sd) {
  const Interval i(residual, sd);
  const double scale = 1 / sd, square = scale * scale;
  if (i.is_far()) {  // the nearer edge alone counts: a normal tail behind it
    return {.log_likelihood = -0.5 * i.near * i.near - std::log(i.near) - kLogOfRootOfTwoPi,
            .score = i.sign * i.near * scale,
            .noise_score = i.near * i.near * scale,
            .curvature = square,
            .cross = i.sign * i.near * square,
            .noise_curvature = i.near * i.near * square};
  }
  const double mass = i.mass(), at_near = Density(i.near) / mass, at_far = Density(i.far) / mass;
  // Second derivatives by the interval's edges.
  const double near = at_near * (at_near - i.near), far = at_far * (at_far + i.far);
  const double both = -at_near * at_far;
  return {.log_likelihood = std::log(mass),
          .score = i.sign * (at_near - at_far) * scale,
          .noise_score = (i.near * at_near - i.far * at_far) * scale,
          .curvature = (near + 2 * both + far) * square,
          .cross = i.sign * (near * i.near + both * (i.near + i.far) + far * i.far) * square,
          .noise_curvature =
              (near * i.near * i.near + 2 * both * i.near * i.far + far * i.far * i.far) * square};
}

// The likelihood of rounded readings of one standard deviation, looked up: thousands of rows share
// it. Beyond the table, and for other standard deviations, it is worked out.
class RoundedLikelihood {
 public:
  // For so many rows.
  RoundedLikelihood(double sd, size_t rows) : sd_(sd) {
    if (rows < kWorthATable || sd >= kRoundingDrowns) return;
    step_ = (kHalfStep + kTableReach * sd) / kSteps;
    std::vector<Values> nodes;
    for (size_t i = 0; i < kSteps + 2; ++i) {
      const Point p = PointOfRounded(step_ * static_cast<double>(i), sd);
      nodes.emplace_back(p.log_likelihood, p.score, p.noise_score, p.curvature, p.cross,
                         p.noise_curvature);
    }
    parabolas_.resize(kSteps + 1);
    for (size_t i = 1; i <= kSteps; ++i) {
      parabolas_[i] = {.value = nodes[i],
                       .slope = 0.5 * (nodes[i + 1] - nodes[i - 1]),
                       .bend = 0.5 * (nodes[i + 1] - 2 * nodes[i] + nodes[i - 1])};
    }
  }

  bool Has(double residual, double sd) const {
    return sd == sd_ && std::abs(residual) < step_ * kSteps;
  }
  Point At(double residual) const {
    const double place = std::abs(residual) / step_;
    const auto node = std::max<size_t>(1, static_cast<size_t>(place + 0.5));
    const Parabola& p = parabolas_[node];
    const double off = place - static_cast<double>(node);
    const Values v = p.value + off * (p.slope + off * p.bend);
    const double sign = residual < 0 ? -1 : 1;
    return {.log_likelihood = v[0],
            .score = sign * v[1],
            .noise_score = v[2],
            .curvature = v[3],
            .cross = sign * v[4],
            .noise_curvature = v[5]};
  }

 private:
  // Parabolas through three nodes: with these steps they are off by less than 1e-5 of each value.
  static constexpr int kSteps = 250;
  static constexpr double kTableReach = 5;  // standard deviations beyond the half step
  static constexpr size_t kWorthATable = 300;

  using Values = Eigen::Matrix<double, 6, 1>;
  struct Parabola {
    Values value, slope, bend;
  };

  const double sd_;
  double step_ = 0;
  std::vector<Parabola> parabolas_;  // none of the first node
};

// With its derivatives by s instead of by the standard deviation of a row.
class RowLikelihood {
 public:
  RowLikelihood(const RegressionRows& rows, const VectorXd& p, double noise)
      : rows_(rows), p_(p), noise_(noise), common_(noise, rows.size()) {}

  Point At(size_t row) const {
    const double residual = rows_.y(row) - rows_.Predict(row, p_);
    const double variance = noise_ * noise_ + rows_.variance(row);
    const double sd = rows_.variance(row) == 0 ? noise_ : std::sqrt(variance);
    Point point;
    if (!rows_.rounded(row)) {
      point = PointOfExact(residual, sd, variance);
    } else if (common_.Has(residual, sd)) {
      point = common_.At(residual);
    } else if (sd < kRoundingDrowns) {
      point = PointOfRounded(residual, sd);
    } else {
      point = PointOfExact(residual, sd, variance + kRoundingVariance);
    }
    const double by_noise = noise_ / sd;  // of the row's standard deviation by s
    point.noise_score *= by_noise;
    point.cross *= by_noise;
    point.noise_curvature *= by_noise * by_noise;
    return point;
  }

 private:
  const RegressionRows& rows_;
  const VectorXd& p_;
  const double noise_;
  const RoundedLikelihood common_;
};

// Sums over rows of their entries, and of their outer products. The last entries of a row, its
// lines', are those of many rows on end: what they have in common with its other entries is
// gathered beside it, and with it what is summed by entry.
class RowSums {
 public:
  RowSums(Eigen::Index size, uint32_t lines_from)
      : lines_from_(lines_from),
        products_(MatrixXd::Zero(size, size)),
        firsts_(VectorXd::Zero(size)),
        seconds_(VectorXd::Zero(size)),
        beside_(Beside::Zero(kBeside, size)) {}

  // Adds `first` and `second` times each entry, `weight` times each product of two.
  void Add(std::span<const RegressionRows::Entry> entries, double weight, double first,
           double second) {
    size_t own = entries.size();
    while (own > 0 && entries[own - 1].parameter >= lines_from_) --own;
    SetLines(entries.subspan(own));
    Lines of_row = weight * values_;
    of_row[kFirst] = first;
    of_row[kSecond] = second;
    for (size_t i = 0; i < own; ++i) {
      const RegressionRows::Entry& a = entries[i];
      const double of_a = weight * a.weight;
      products_(a.parameter, a.parameter) += of_a * a.weight;
      for (size_t k = 0; k < i; ++k) {
        const RegressionRows::Entry& b = entries[k];
        const auto [low, high] = std::minmax(a.parameter, b.parameter);
        // Entries of one parameter stand beside each other in the square.
        const double both = low == high ? 2 : 1;
        products_(high, low) += both * of_a * b.weight;
      }
      beside_.col(a.parameter) += a.weight * of_row;
    }
    for (Eigen::Index i = 0; i < lines_; ++i) between_.col(i) += values_[i] * of_row;
  }
  // The lower triangle.
  const MatrixXd& products() {
    Gather();
    return products_;
  }
  const VectorXd& seconds() {
    Gather();
    return seconds_;
  }
  // Since they were taken last.
  VectorXd TakeFirsts() {
    GatherEntries(kFirst, &firsts_);
    return std::exchange(firsts_, VectorXd::Zero(firsts_.size()));
  }

 private:
  static constexpr Eigen::Index kMostLines = 6, kFirst = kMostLines, kSecond = kFirst + 1;
  static constexpr Eigen::Index kBeside = kSecond + 1;
  using Lines = Eigen::Matrix<double, kBeside, 1>;
  using Beside = Eigen::Matrix<double, kBeside, Eigen::Dynamic>;

  void SetLines(std::span<const RegressionRows::Entry> entries) {
    bool is_same = std::ssize(entries) == lines_;
    for (size_t i = 0; i < entries.size() && is_same; ++i) {
      is_same = entries[i].parameter == parameters_[i];
    }
    if (!is_same) {
      Gather();
      lines_ = std::ssize(entries);
      values_.setZero();
      for (size_t i = 0; i < entries.size(); ++i) parameters_[i] = entries[i].parameter;
    }
    for (Eigen::Index i = 0; i < lines_; ++i) values_[i] = entries[static_cast<size_t>(i)].weight;
  }
  void Gather() {
    GatherEntries(kFirst, &firsts_);
    GatherEntries(kSecond, &seconds_);
    for (Eigen::Index i = 0; i < lines_; ++i) {
      const Eigen::Index at = parameters_[static_cast<size_t>(i)];
      products_.row(at) += beside_.row(i);
      for (Eigen::Index k = 0; k <= i; ++k) {
        const Eigen::Index other = parameters_[static_cast<size_t>(k)];
        products_(std::max(at, other), std::min(at, other)) += between_(k, i);
      }
    }
    beside_.setZero();
    between_.setZero();
  }
  void GatherEntries(Eigen::Index which, VectorXd* sums) {
    *sums += beside_.row(which).transpose();
    beside_.row(which).setZero();
    for (Eigen::Index i = 0; i < lines_; ++i) {
      (*sums)[parameters_[static_cast<size_t>(i)]] += std::exchange(between_(which, i), 0);
    }
  }

  const uint32_t lines_from_;
  MatrixXd products_;
  VectorXd firsts_, seconds_;
  Eigen::Index lines_ = 0;
  std::array<uint32_t, kMostLines> parameters_{};  // of the lines' entries
  Lines values_ = Lines::Zero();
  Beside beside_;  // by parameter
  Eigen::Matrix<double, kBeside, kMostLines> between_ =
      Eigen::Matrix<double, kBeside, kMostLines>::Zero();
};

// Sums of outer products, so many at a time.
class OuterProducts {
 public:
  explicit OuterProducts(Eigen::Index size)
      : sum_(MatrixXd::Zero(size, size)), waiting_(size, kAtOnce) {}

  void Add(const VectorXd& vector) {
    waiting_.col(count_++) = vector;
    if (count_ == kAtOnce) Flush();
  }
  // The lower triangle.
  const MatrixXd& Sum() {
    Flush();
    return sum_;
  }

 private:
  static constexpr Eigen::Index kAtOnce = 32;
  void Flush() {
    if (count_ == 0) return;
    sum_.selfadjointView<Eigen::Lower>().rankUpdate(waiting_.leftCols(count_));
    count_ = 0;
  }

  MatrixXd sum_, waiting_;
  Eigen::Index count_ = 0;
};

// Of the log-likelihood of rows, by p and s; lower triangles only.
struct Derivatives {
  MatrixXd information;
  VectorXd score;
  double log_likelihood = 0;  // itself
  // By cluster, where they were asked for.
  MatrixXd score_products;
  size_t clusters = 0;
};

Derivatives Differentiate(const RegressionRows& rows, const VectorXd& p, double noise,
                          bool by_cluster) {
  const Eigen::Index all = p.size() + 1, last = p.size();
  const RowLikelihood likelihood(rows, p, noise);
  Derivatives d;
  d.score.setZero(all);
  RowSums sums(all, rows.lines_from());
  OuterProducts products(by_cluster ? all : 0);
  double noise_score = 0, noise_curvature = 0;
  const auto take_scores = [&] {
    VectorXd scores = sums.TakeFirsts();
    scores[last] = std::exchange(noise_score, 0);
    d.score += scores;
    return scores;
  };
  for (size_t row = 0; row < rows.size(); ++row) {
    const Point point = likelihood.At(row);
    d.log_likelihood += point.log_likelihood;
    sums.Add(rows.entries(row), point.curvature, point.score, point.cross);
    noise_score += point.noise_score;
    noise_curvature += point.noise_curvature;
    if (!by_cluster) continue;
    if (row + 1 < rows.size() && rows.cluster(row + 1) == rows.cluster(row)) continue;
    products.Add(take_scores());
    ++d.clusters;
  }
  take_scores();
  d.information = sums.products();
  d.information.row(last) = sums.seconds();
  d.information(last, last) = noise_curvature;
  if (by_cluster) d.score_products = products.Sum();
  return d;
}

VectorXd Joined(const VectorXd& p, double noise) {
  VectorXd joined(p.size() + 1);
  joined << p, noise;
  return joined;
}

// The rows' quadratic around p and s, and their clusters.
void Describe(const Derivatives& d, RegressionFit* fit) {
  fit->data.h = d.information.selfadjointView<Eigen::Lower>();
  fit->data.g = fit->data.h * Joined(fit->p, fit->noise) + d.score;
  fit->score_products = d.score_products.selfadjointView<Eigen::Lower>();
  fit->clusters = d.clusters;
}

double Allowed(double noise) { return std::clamp(noise, kLeastNoise, kMostNoise); }

// One step of Newton's method from where `d` was found, the noise at most by a factor of
// kMostGrowth; `d` becomes that of where it ends. How much the likelihood gained.
double Step(const RegressionRows& rows, const Quadratic& prior, Derivatives* d,
            RegressionFit* fit) {
  const VectorXd now = Joined(fit->p, fit->noise);
  const MatrixXd information = d->information + prior.h;
  const VectorXd gradient = d->score + prior.g - prior.h * now;
  VectorXd step = information.selfadjointView<Eigen::Lower>().ldlt().solve(gradient);
  // What a quadratic would gain by it.
  if (0.5 * step.dot(gradient) < kSettled) return 0;
  const double to = now[now.size() - 1] + step[now.size() - 1];
  step[now.size() - 1] =
      Allowed(std::clamp(to, fit->noise / kMostGrowth, fit->noise * kMostGrowth)) - fit->noise;
  for (double length = 1; length > 1e-6; length /= 2) {
    const VectorXd tried = now + length * step;
    const double noise = tried[now.size() - 1];
    const VectorXd p = tried.head(fit->p.size());
    Derivatives there = Differentiate(rows, p, noise, false);
    const double reached = there.log_likelihood + prior.At(tried);
    if (!(reached >= fit->log_likelihood)) continue;
    const double gain = reached - fit->log_likelihood;
    fit->p = p;
    fit->noise = noise;
    fit->log_likelihood = reached;
    *d = std::move(there);
    return gain;
  }
  return 0;
}

}  // namespace

void RegressionRows::Add(std::span<const Entry> entries, double y, double variance,
                         uint32_t cluster, bool rounded) {
  entries_.insert(entries_.end(), entries.begin(), entries.end());
  begins_.push_back(entries_.size());
  y_.push_back(y);
  variance_.push_back(variance);
  cluster_.push_back(cluster);
  rounded_.push_back(rounded ? 1 : 0);
}

Quadratic Quadratic::Around(const VectorXd& mean, double sd) {
  const double information = 1 / (sd * sd);
  return {.h = MatrixXd(VectorXd::Constant(mean.size(), information).asDiagonal()),
          .g = information * mean};
}

RegressionFit FitRounded(const RegressionRows& rows, VectorXd p, double noise,
                         const Quadratic& prior, int most_iterations) {
  RegressionFit fit;
  fit.p = std::move(p);
  fit.noise = Allowed(noise);
  Derivatives d = Differentiate(rows, fit.p, fit.noise, false);
  fit.log_likelihood = d.log_likelihood + prior.At(Joined(fit.p, fit.noise));
  for (int i = 0; i < most_iterations && !fit.converged; ++i) {
    fit.converged = Step(rows, prior, &d, &fit) < kSettled;
  }
  Describe(Differentiate(rows, fit.p, fit.noise, true), &fit);
  return fit;
}

RegressionFit StepRounded(const RegressionRows& rows, VectorXd p, double noise,
                          const Quadratic& prior) {
  RegressionFit fit;
  fit.p = std::move(p);
  fit.noise = Allowed(noise);
  Describe(Differentiate(rows, fit.p, fit.noise, true), &fit);
  const VectorXd to = (prior.h + fit.data.h).ldlt().solve(prior.g + fit.data.g);
  fit.p = to.head(fit.p.size());
  fit.noise =
      Allowed(std::clamp(to[fit.p.size()], fit.noise / kMostGrowth, fit.noise * kMostGrowth));
  return fit;
}

double FreedomScore(const RegressionRows& rows, const RegressionFit& fit, const Quadratic& prior) {
  constexpr double kRelativeStep = 0.01;
  const Eigen::Index count = fit.p.size(), all = count + 1;
  const MatrixXd known = prior.h.topLeftCorner(count, count);
  const auto log_determinant = [&](const MatrixXd& sum) {
    const MatrixXd h = sum.topLeftCorner(count, count) + known;
    return h.selfadjointView<Eigen::Lower>().ldlt().vectorD().array().abs().log().sum();
  };
  // Where the p go with s.
  const MatrixXd h = fit.data.h + prior.h;
  const double more = kRelativeStep * fit.noise;
  const VectorXd there =
      fit.p - more * h.topLeftCorner(count, count).ldlt().solve(h.col(count).head(count));
  const RowLikelihood at(rows, fit.p, fit.noise), at_more(rows, there, fit.noise + more);
  RowSums information(all, rows.lines_from()), squares = information, products = information;
  for (size_t row = 0; row < rows.size(); ++row) {
    const double score = at.At(row).score;
    const Point moved = at_more.At(row);
    information.Add(rows.entries(row), moved.curvature, 0, 0);
    squares.Add(rows.entries(row), score * score, 0, 0);
    products.Add(rows.entries(row), score * moved.score, 0, 0);
  }
  return (0.5 * (log_determinant(information.products()) - log_determinant(fit.data.h)) -
          (log_determinant(products.products()) - log_determinant(squares.products()))) /
         more;
}

VectorXd FitLeastSquares(const RegressionRows& rows, const Quadratic& prior) {
  RowSums sums(prior.g.size(), rows.lines_from());
  for (size_t row = 0; row < rows.size(); ++row) sums.Add(rows.entries(row), 1, rows.y(row), 0);
  const MatrixXd normal = sums.products() + prior.h;
  return normal.selfadjointView<Eigen::Lower>().ldlt().solve(sums.TakeFirsts() + prior.g);
}

}  // namespace synergy
