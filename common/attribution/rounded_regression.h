// Regression of readings that a sensor has rounded to whole steps.
//
// A reading is y_k = round(sum_i a_ki p_i + e_k) in steps of its register, e_k normal with variance
// s^2 + v_k: s is the sensor's noise, which is found with the p_i, v_k what is known to come on
// top. Least squares take the rounding for noise. It is none: where s is a third of a step or less,
// all readings of an operator whose power lies between two steps say the same wrong number, however
// many there are. The likelihood of the interval [y - 1/2, y + 1/2] has no such bias, and what it
// cannot know shows in its information. Maximised by Newton's method in p and s together: of an
// operator whose readings say two numbers, their shares tell where its power is only in terms of s.
//
// Units: steps. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "common/attribution/rounded_likelihood.h"

namespace synergy {

// A sensor without any noise makes the likelihood a staircase. One that is taken for noisier than
// it is seems to say that powers are further from the border of a step than they are. Steps.
inline constexpr double kLeastNoise = 0.01;

// Sparse rows, built in one go. 12 bytes an entry, 32 bytes a row.
class RegressionRows {
 public:
  struct Entry {
    uint32_t parameter = 0;
    double weight = 0;
  };

  // `lines_from`: entries of this parameter and later ones, kMostLines at most, one of each, come
  // last in a row and are of the same parameters for many rows on end: the knots of slow lines.
  static constexpr int kMostLines = 6;
  explicit RegressionRows(uint32_t lines_from = std::numeric_limits<uint32_t>::max())
      : lines_from_(lines_from) {}

  // Room for so many, with so many entries each.
  void Reserve(size_t rows, size_t entries);
  // Entries of one parameter add up. `variance`: v_k. `cluster`: rows whose errors may depend on
  // each other have the same one; clusters come in rising order. `rounded` false: y is exact.
  void Add(std::span<const Entry> entries, double y, double variance, uint32_t cluster,
           bool rounded = true);

  size_t size() const { return y_.size(); }
  std::span<const Entry> entries(size_t row) const {
    return {entries_.data() + begins_[row], begins_[row + 1] - begins_[row]};
  }
  double y(size_t row) const { return y_[row]; }
  double variance(size_t row) const { return variance_[row]; }
  // From then on it says nothing.
  void LeaveOut(size_t row) { kinds_[row] |= kLeftOut; }
  bool left_out(size_t row) const { return (kinds_[row] & kLeftOut) != 0; }
  uint32_t cluster(size_t row) const { return cluster_[row]; }
  bool rounded(size_t row) const { return (kinds_[row] & kRounded) != 0; }
  uint32_t lines_from() const { return lines_from_; }
  // No fit finds less noise than that; kLeastNoise or more, steps.
  void SetLeastNoise(double steps) { least_noise_ = steps; }
  double least_noise() const { return least_noise_; }
  double Predict(size_t row, const Eigen::VectorXd& p) const {
    double sum = 0;
    for (const Entry& e : entries(row)) sum += e.weight * p[e.parameter];
    return sum;
  }

 private:
  uint32_t lines_from_;
  double least_noise_ = kLeastNoise;
  std::vector<Entry> entries_;
  std::vector<size_t> begins_{0};
  std::vector<double> y_, variance_;
  std::vector<uint32_t> cluster_;
  static constexpr uint8_t kRounded = 1, kLeftOut = 2;
  std::vector<uint8_t> kinds_;
};

// The logarithm of a likelihood, up to a constant: g^T p - p^T h p / 2.
struct Quadratic {
  Eigen::MatrixXd h;
  Eigen::VectorXd g;

  // Every parameter is around `mean` with the standard deviation `sd`, independently.
  static Quadratic Around(const Eigen::VectorXd& mean, double sd);
  double At(const Eigen::VectorXd& p) const { return g.dot(p) - 0.5 * p.dot(h * p); }
};

// In what follows s is the last parameter of quadratics and matrices, behind those of p.
struct RegressionFit {
  Eigen::VectorXd p;
  double noise = 0;  // s
  // Of the rows alone, the prior not included, around where they were looked at last.
  Quadratic data;
  // Sum over clusters of the outer products of their scores: what the information of the data would
  // be, were the model of the noise right.
  Eigen::MatrixXd score_products;
  size_t clusters = 0;
  double log_likelihood = 0;  // of FitRounded, with the prior's
  bool converged = false;     // likewise
};

// Maximises the likelihood of the rows and the prior from `p` and `noise` (above 0) on. Without
// `by_cluster` the fit has no score products and clusters: the rows are looked at once less.
RegressionFit FitRounded(const RegressionRows& rows, Eigen::VectorXd p, double noise,
                         const Quadratic& prior, int most_iterations, bool by_cluster = true);

// Rows more, where p and s are known well already: one step of Newton's method, which looks at each
// row once. `prior` has all that is known of them.
RegressionFit StepRounded(const RegressionRows& rows, Eigen::VectorXd p, double noise,
                          const Quadratic& prior);

// The p that follow the rows leave too small a noise: as a derivative by s, what is to be added to
// that of the likelihood so that s is right on average. It is that of the likelihood that is
// integrated over the p, by Laplace's method; of normal noise that is restricted maximum
// likelihood. The first `powers` of p are known at least as well as one reading says: where all
// are rounded to the same step, the quadratic knows nothing.
double FreedomScore(const RegressionRows& rows, const RegressionFit& fit, const Quadratic& prior,
                    Eigen::Index powers);

// Ordinary least squares, with a prior of p alone: where to begin.
Eigen::VectorXd FitLeastSquares(const RegressionRows& rows, const Quadratic& prior);

}  // namespace synergy
