#include "tests/bench/accuracy_tally.h"

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

constexpr double kLongS = 100e-6;
constexpr double kWhole = 0.01;
constexpr double kFalseAlarms = 0.01;

bool Holds(const Estimate& e, double truth) { return e.low <= truth && truth <= e.high; }

}  // namespace

bool Share::IsBelow(double p) const {
  double sum = 0;  // binomial: P(at most `inside` of `all`)
  for (int k = 0; k <= inside; ++k) {
    sum += std::exp(std::lgamma(all + 1) - std::lgamma(k + 1) - std::lgamma(all - k + 1) +
                    k * std::log(p) + (all - k) * std::log1p(-p));
  }
  return sum < kFalseAlarms;
}

void Tally::Add(const Truth& truth, const LeastSquares& ls, const RailEnergy& rail,
                const Attribution& plain, size_t plain_rail) {
  double error = 0, energy = 0, seconds = 0, in_groups = 0, plain_error = 0;
  for (size_t i = 0; i < ls.ops.size(); ++i) {
    const double j = truth.energy_j.at(ls.ops[i]);
    const bool is_long = truth.seconds.at(ls.ops[i]) >= kLongS;
    energy += j;
    seconds += truth.seconds.at(ls.ops[i]);
    if (!rail.ops[i].energy_j) {
      in_groups += j;
      long_grouped += is_long ? 1 : 0;
      continue;
    }
    const Estimate& e = *rail.ops[i].energy_j;
    error += std::abs(e.mean - j);
    holds.Add(Holds(e, j));
    if (!is_long) continue;
    long_errors.push_back(std::abs(e.mean - j) / j);
    long_holds.Add(Holds(e, j));
    const auto place = static_cast<Eigen::Index>(i);
    const double bound_j = rail.moments.t * std::sqrt(rail.moments.model(place, place));
    // The moments are of an inference, in which an operator runs once.
    widths.push_back(e.half_width() / bound_j);
  }
  for (const GroupEnergy& group : rail.groups) {
    double j = 0;
    for (const uint32_t op : group.ops) j += truth.energy_j.at(op);
    holds.Add(Holds(group.energy_j, j));
  }
  for (const OperatorResult& op : plain.ops) {
    const double j = truth.energy_j.at(op.op);
    plain_error += std::abs(op.mean_energy_j[plain_rail].value_or(0) - j);
  }
  ++runs;
  steps += (energy / seconds - (rail.idle_w ? rail.idle_w->mean : 0)) / rail.step_w;
  weighted += error / energy;
  integrated += plain_error / energy;
  grouped += in_groups / energy;
  const double off_j = std::abs(rail.inference_j.mean - energy);
  whole.Add(off_j <= std::max(kWhole * energy, 0.5 * rail.step_w * seconds));
  calibrated.Add(off_j <= rail.calibration * rail.inference_j.mean + rail.inference_j.half_width());
  if (rail.integral_j) {
    const double attributed_j = rail.operators_j + rail.between_j;
    books = std::max(books, std::abs(attributed_j / *rail.integral_j - 1));
    residual = std::max(residual, std::abs(rail.residual_j / *rail.integral_j));
  }
}

double Tally::Mean() const {
  double sum = 0;
  for (const double e : long_errors) sum += e;
  return long_errors.empty() ? 0 : sum / static_cast<double>(long_errors.size());
}

double Tally::QuantileOf(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(values.size())))];
}

}  // namespace synergy
