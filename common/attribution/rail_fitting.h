// One rail while it is being fitted: the state that rounds of windows and powers improve, and what
// is left of it from part to part of a run.
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/attribution/conversion_times.h"
#include "common/attribution/rail_fit.h"
#include "common/attribution/rail_rows.h"
#include "common/attribution/rail_summary.h"

namespace synergy {

// What a fit finds: the powers, then the errors of its conversions' places with them, then the
// drift's growth, too. Only the last one is good for intervals.
enum class FitStage { kPowers, kPlaces, kGrowth, kLast };

// Thread-compatible. Copies are independent between parts.
class RailFitting {
 public:
  // From here to EndPart() is one part of the run; all three outlive that. `map`: from the part
  // before; null in the first one.
  void BeginPart(const RunCourse& course, const SlowDrift& drift, const RailReadings& input,
                 const Remapping* map);
  // What the part says becomes what is known.
  void Settle();
  void EndPart();
  // The noise by the readings of this part, steps, and its information.
  struct NoiseEstimate {
    double steps = 0, information = 0;
  };
  NoiseEstimate OwnNoise() const;
  // Whether it tells its noise mostly from where it stands between two steps.
  bool HardlyMoves() const;
  // What it is instead, to within this standard deviation; the powers are to be found anew.
  void SetNoise(double steps, double sd);
  // Whether its windows were told apart in this part.
  bool has_fit() const { return !part_.empty() && out_.windows != WindowKind::kSmeared; }
  // Whether parts before have said anything of its powers.
  bool is_known() const { return !summary_.empty(); }

  // The part's readings, by the sensor's delay earlier than they were read.
  const std::vector<StepReading>& readings() const { return readings_; }
  void AddDelay(double delay_ns);
  double delay_ns() const { return delay_ns_; }
  // Minus twice the logarithm of the likelihood of some readings if they were so much older, and
  // their conversions anywhere in the period before where their windows are not known. Nothing: too
  // few readings.
  std::optional<double> MisfitAt(double delay_ns) const;
  // A delay is no longer than this.
  static constexpr double kMostDelayNs = 12e6;
  // By how much MisfitAt must be less with it than without, for so many parameters.
  static double ClearlyLikelier(size_t parameters);
  const v1::Window& window() const { return input_->channel.window(); }
  WindowKind windows() const { return out_.windows; }
  double slot_share() const { return window().slot_s() / window().period_s(); }
  // Of a reading, rounding included; steps.
  double sd_steps() const;
  // The power over time of what runs, in steps, and what the slow drift adds to it; as they are
  // known now. The drift is that of the course asked for last.
  const PowerCourse& Course();
  double DriftAt(double at_ns) const;
  double scale() const { return out_.scale; }

  // From windows that are the whole span in which a conversion may lie: where to begin, and where
  // it ends if nothing better is found. False: too few readings; out() says so.
  bool FitSmeared();
  void FitKnown();
  void FitFiltered();
  // Moves the drift to where a later part's readings are on average, wherever their conversions
  // lay.
  void FollowDrift();
  // Takes away stretches in which the sensor said one number while what ran changed, as far as the
  // powers say that are known now. False: there are none.
  bool EraseStuck();
  // From the times of its conversions: `reads` and `times` are of all rails of the cycle, `reg` is
  // this one.
  void FitConversions(const std::vector<CycleRead>& reads, const ConversionTimes& times,
                      uint32_t reg, FitStage stage);
  double places_off_us() const { return places_off_us_; }  // rms of those errors
  // Its idle phases alone, where no conversion's time is known.
  void FitIdle();
  void SayWhyNot(const char* why) { out_.why_not = why; }

  // Of all parts that have ended.
  RailFit Result() const;

 private:
  // In which errors of a filter's period are told: a share of it.
  static constexpr double kPeriodUnit = 0.01;

  struct Span {
    double begin_ns = 0, end_ns = 0;
  };
  Span SpanOf(const StepReading& r, double delay_ns) const;
  static double MeanSquare(const RegressionRows& rows, const Eigen::VectorXd& p);
  // Of windows that are known but for a delay, or a clock that is ahead.
  void FindStampDelay();
  void Shift(double by_ns);
  void AddIdleRows(double after_ns, double before_ns, RailRows* rows);
  double Level() const;
  // Of readings whose steps are so fine that they say nothing of the noise; steps. Else 0.
  double NoiseFloor() const;
  double KnotsAt(double at_ns) const;
  struct Stretch {
    size_t first = 0, last = 0;  // readings [first, last), all the same
  };
  bool IterationsVary(const std::vector<Stretch>& stretches) const;
  bool LastsTooLong(const Stretch& s) const;
  bool IsFarOff(const Stretch& s, double sd, WindowCursor* power) const;
  std::optional<double> Off(const StepReading& r, WindowCursor* power) const;
  double MeanKnots() const;
  DriftGrowth Growth() const;
  Quadratic Prior(const RailRows* rows) const;
  Eigen::VectorXd NotNegative(Eigen::MatrixXd h, Eigen::VectorXd g, Eigen::VectorXd found) const;
  double Freedom(const RailRows& rows) const;
  Eigen::ArrayXi Kept(Eigen::Index all) const;
  RailRows FilteredRows(const SlowDrift& speed) const;
  void FollowRows(const RailRows& rows);
  // False: there are no rows, and the part says nothing.
  bool Regress(RailRows* rows, int most_iterations, bool by_cluster = true);
  // And until the noise is what it is without the parameters' freedom.
  bool RegressFreely(RailRows* rows, int most_iterations);
  void Summarise(const RailRows& rows);
  void SumRows(const RailRows& rows);
  double ResidualOf(const RailRows& rows) const;
  static void BoundRounding(const RailSummary& summary, RailFit* fit);
  void StayInStep(RailFit* fit) const;
  void AddQuietRounding(RailFit* fit) const;

  const RunCourse* course_ = nullptr;
  const SlowDrift* drift_ = nullptr;
  const RailReadings* input_ = nullptr;
  std::vector<StepReading> readings_;
  double delay_ns_ = 0;
  double period_factor_ = 1;  // of a filter's period against the nominal one
  Eigen::Index categories_ = 0, knots_ = 0;
  RailFit out_;
  std::optional<double> level_;  // mean of the first part's readings, steps
  double spread_ = 0;            // of those, one standard deviation, steps
  double noise_ = 1;             // of a conversion before rounding, steps
  double freedom_score_ = 0;     // of the first part: FreedomScore
  std::optional<NoiseEstimate> noise_prior_;
  double places_off_us_ = 0;
  double growth_ = 0;                         // of the drift with the power
  double mean_drift_ = 0;                     // that power_ has, steps
  Eigen::VectorXd drift_factor_;              // by category, as the rows of the fit had it
  Eigen::VectorXd p_;                         // categories, knots
  RailSummary summary_;                       // of the parts before
  RailSummary part_;                          // of this one, as far as it is
  std::shared_ptr<const PowerCourse> power_;  // of p_, in this part; null: not made yet
  RegressionFit fit_;  // the last one, and the one that the part's summary is of
  RegressionFit kept_fit_;
  std::vector<RegressionRows::Entry> row_;
};

}  // namespace synergy
