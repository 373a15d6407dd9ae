// Joules of operators on one rail, with intervals, from the powers that were fitted.
//
// An operator's energy is its mean power, the drift over its own executions included, times the
// mean time that its markers give it. Its 95 % interval comes from the larger of two variances:
// that of the model, which knows rounding and unknown windows, and that between clusters of
// iterations, which knows whatever the model does not. Operators whose interval is wider than 25 %
// to either side are taken together, in the order of the network, until the group's is not; what
// they cost together is known, what each costs is not. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/attribution/course_totals.h"
#include "common/attribution/rail_fit.h"
#include "common/attribution/supply_voltage.h"

namespace synergy {

// A value with its 95 % interval.
struct Estimate {
  double mean = 0;
  double low = 0;
  double high = 0;
  double half_width() const { return 0.5 * (high - low); }
};

// Beyond this share of the mean, to either side, an operator is not known alone.
inline constexpr double kWidestAlone = 0.25;

// Energies of one inference by operator, with what their errors have in common.
struct EnergyMoments {
  Eigen::VectorXd mean_j;  // in the order of CourseTotals::ops
  Eigen::MatrixXd model;   // covariances, J^2
  Eigen::MatrixXd robust;
  double t = 0;  // Student's, 97.5 %

  // Of these operators together, by their places in mean_j.
  Estimate Sum(std::span<const uint32_t> places) const;
};

struct OperatorEnergy {
  std::optional<Estimate> energy_j;   // of one execution; absent in a group
  std::optional<Estimate> dynamic_j;  // likewise, beyond what the idle board draws in that time
  std::optional<size_t> group;        // index in RailEnergy::groups
  uint64_t readings = 0;              // whose windows touched it
  double covered = 0;                 // share of its time that these windows took in
};

struct GroupEnergy {
  std::vector<uint32_t> ops;  // indices in the net
  Estimate energy_j;          // of all of them in one inference
  // Iterations that would be needed, beside those that were measured, until each of its operators
  // had an interval of its own. Nothing: the sensor's filter is slower than they are, no number is.
  std::optional<uint64_t> more_iterations;
};

// Of one rail. Only `why_not` has a meaning where that is not empty.
struct RailEnergy {
  std::string rail;
  std::string why_not;
  WindowKind windows = WindowKind::kKnown;
  std::vector<OperatorEnergy> ops;  // in the order of CourseTotals::ops
  std::vector<GroupEnergy> groups;
  EnergyMoments moments;
  Estimate inference_j;               // all operators of one inference
  std::optional<Estimate> between_w;  // power between operators and iterations
  std::optional<Estimate> idle_w;     // of the idle phases
  // By how much the slow drift moves the power: its highest knot less its lowest one. The interval
  // is that of the two as they were picked.
  Estimate drift_w;
  double operators_j = 0;  // all measured iterations together
  double between_j = 0;
  // The rail's own integral from the first measured operator's begin to the last one's end, which
  // the two above make up but for what the model has missed. Absent where readings do not cover it.
  std::optional<double> integral_j;
  // Of what is left of it that part which the readings say beyond these powers. The other is what
  // straight lines between readings make of their windows, rounding, filter and gaps.
  double residual_j = 0;
  // Half-width of the widest interval of operators that make up at least 1 % of the energy, as a
  // share of its mean; those in groups have their group's.
  double widest = 0;
  double noise_steps = 0;
  double step_w = 0;  // size of one step of the reading
  uint64_t readings = 0, used = 0, outliers = 0, stuck = 0;
  double period_s = 0, place_sd_s = 0, delay_s = 0;
  double calibration = 0;  // all energies are off by one factor of at most 1 +- this; 0: not known
};

// What turns a rail's current into power.
struct RailSupply {
  VoltageFit voltage;
  const Eigen::MatrixXd& currents;  // of all rails, CurrentsOf
  Eigen::Index rail = 0;            // this one among them
};

// Mean currents [A, or W for channels of power] while each category ran, the drift included:
// categories x rails, 0 for rails that have none. `totals` and `fits` are of the same parts.
Eigen::MatrixXd CurrentsOf(const CourseTotals& totals, std::span<const RailFit> fits);

RailEnergy EnergiesOf(const CourseTotals& totals, const RailFit& fit, const RailSupply& supply);

}  // namespace synergy
