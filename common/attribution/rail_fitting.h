// One rail while it is being fitted: the state that rounds of windows and powers improve.
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/attribution/conversion_times.h"
#include "common/attribution/rail_fit.h"
#include "common/attribution/rail_rows.h"

namespace synergy {

// Thread-compatible. What it is made from outlives it.
class RailFitting {
 public:
  RailFitting(const RunCourse& course, const SlowDrift& drift, const RailReadings& input);

  const RailReadings& input() const { return input_; }
  const v1::Window& window() const { return input_.channel.window(); }
  double slot_share() const { return window().slot_s() / window().period_s(); }
  // Of a reading, rounding included; steps.
  double sd_steps() const;
  // The power over time of what runs, without the drift; in steps.
  PowerCourse Course() const;
  double DriftAt(double at_ns) const;
  // Whether all of [begin, end] is known and has categories with powers.
  bool IsUsable(double begin, double end);

  // From windows that are the whole span in which a conversion may lie: where to begin, and where
  // it ends if nothing better is found. False: too few readings; out() says so.
  bool FitSmeared();
  void FitKnown();
  void FitFiltered();
  // From the times of its conversions: `reads` and `times` are of all rails of the cycle, `reg` is
  // this one. In the last round with the errors of the places.
  void FitConversions(const std::vector<CycleRead>& reads, const ConversionTimes& times,
                      uint32_t reg, bool last);
  // The voltage against the current, from the spans in which each reading of it may lie.
  void FitVoltage();

  RailFit Take() { return std::move(out_); }

 private:
  void AddIdleRows(double after_ns, double before_ns, RailRows* rows);
  Quadratic Prior(bool place_errors) const;
  void Regress(RailRows* rows, bool place_errors, int most_iterations);
  void Finish(const RailRows& rows);
  void BoundRounding(const RailRows& rows);

  const RunCourse& course_;
  const SlowDrift& drift_;
  const RailReadings& input_;
  const Eigen::Index categories_, knots_;
  RailFit out_;
  double level_ = 0;   // mean of the readings, steps
  double noise_ = 1;   // of a conversion before rounding, steps
  Eigen::VectorXd p_;  // categories, knots
  RegressionFit fit_;
  std::vector<RegressionRows::Entry> row_;
};

}  // namespace synergy
