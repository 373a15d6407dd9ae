// The power of every category of a run's course on one rail, found from the rail's readings.
//
// A reading is the mean of the rail's current (or power) over its window, plus noise, rounded to
// whole steps. The current is the sum of what runs, plus a slow drift (temperature, leakage). Which
// windows the readings have follows from their channel's Window:
//   known     the reading's own stamps
//   fitted    conversions of a free-running chip: their times are found from the readings
//             (conversion_times.h), again after each round of the regression, and what is not known
//             of them is in the covariance
//   smeared   neither is possible: the conversion lies anywhere in the period before the read
//   filtered  a recursive average over many conversions: an exponential window
// Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/attribution/conversion_times.h"
#include "common/attribution/rail_readings.h"
#include "common/attribution/rail_summary.h"
#include "common/attribution/run_course.h"
#include "common/attribution/slow_drift.h"

namespace synergy {

enum class WindowKind : uint8_t { kKnown, kFitted, kSmeared, kFiltered };

struct RailFit {
  std::string rail;
  std::string why_not;  // no readings, windows unknown, ...; all else is meaningless then
  WindowKind windows = WindowKind::kKnown;
  double scale = 1;  // A or W a step
  // Steps: the course's categories, then the knots of the drift.
  Eigen::VectorXd p;
  Eigen::MatrixXd model_covariance;   // were the noise as it is modelled
  Eigen::MatrixXd robust_covariance;  // from what clusters of readings (iterations) differ by
  size_t clusters = 0;
  double noise_steps = 0;
  double noise_freedom = 0;      // as many degrees of freedom as the noise is known with
  Eigen::VectorXd drift_factor;  // by category: what the drift adds to it, of its value

  uint64_t readings = 0;  // in windows of the measured iterations and the idle phases
  uint64_t used = 0;      // of these: each conversion once, its window beyond doubt
  uint64_t outliers = 0;  // of these: far from anything that could have run, and left out
  // Left out, too, and not among those: the sensor said one number while what ran changed.
  uint64_t stuck = 0;
  // Readings, outliers too, less what the powers let them be on average: an integral, steps x s.
  double residual_step_s = 0;
  // By category: readings whose windows touched it, and how much of its time they took in.
  std::vector<uint64_t> touched;
  std::vector<double> covered_s;
  double period_s = 0;    // of the chip's cycle, fitted; 0: none is
  double place_sd_s = 0;  // of a fitted window's place
  double filter_s = 0;    // time constant of the sensor's filter; 0: it has none
  double delay_s = 0;     // by which readings are older than their stamps say, fitted; 0: none is
};

class RailFitting;

// Rails whose readings belong to one cycle of one chip, or a single rail, fitted part by part of a
// run. The first part is gone over until windows and powers agree; later ones, whose windows and
// powers are nearly known, once. Its memory does not grow with the run. Thread-compatible.
class CycleFit {
 public:
  explicit CycleFit(size_t rails);
  CycleFit(const CycleFit&);
  CycleFit& operator=(const CycleFit&) = delete;
  ~CycleFit();

  // The rails' readings within the part, always in the same order; `course` has at least one
  // operator. `map`: from the part before; null where nothing of it has changed, and in the first
  // one. All three outlive EndPart().
  void AddPart(const RunCourse& course, const SlowDrift& drift,
               const std::vector<const RailReadings*>& readings, const Remapping* map);
  // Between the two: the rails as they were found to be, and the window of a reading of a voltage
  // beside one. Nothing: it cannot be told from others'.
  RailFitting& rail(size_t i);
  struct TimeWindow {
    double begin_ns = 0, end_ns = 0;
  };
  std::optional<TimeWindow> WindowOf(const VoltageReading& reading, const v1::Window& window) const;
  void EndPart();

  // Of all parts so far.
  std::vector<RailFit> Result() const;

 private:
  // 0: none is clear.
  static double FindDelay(const RunCourse& course, const std::vector<RailFitting*>& rails);
  // `delay_ns`: FindDelay's, whether or not the rails have it.
  void FitFreeRunning(const RunCourse& course, const std::vector<RailFitting*>& rails,
                      double delay_ns);
  double TryCycles(const RunCourse& course, const std::vector<RailFitting*>& rails);
  void FitLast(const std::vector<CycleRead>& reads, const ConversionTimes& times,
               const std::vector<RailFitting*>& rails);
  // Begins from `found`, while no cycle is known. The noise of all rails together, steps; infinity:
  // hardly a reading's conversion is certain, or the powers contradict it.
  double SettleCycle(const RunCourse& course, const std::vector<RailFitting*>& rails,
                     const CycleState& found);
  void FollowFreeRunning(const RunCourse& course, const std::vector<RailFitting*>& rails);
  void ShareNoise(const std::vector<RailFitting*>& rails);
  void NoteCycles(const ConversionTimes& times, const std::vector<CycleRead>& reads);
  // What trying a cycle changes.
  struct Found;
  Found Now() const;
  void BackTo(const Found& found);

  std::vector<RailFitting> rails_;
  // In this part, where it is known: begins of cycles, rising.
  struct KnownCycle {
    double begin_ns = 0, period_ns = 0, sd_ns = 0;
  };
  std::vector<KnownCycle> cycles_;
  std::optional<CycleState> cycle_;  // at the end of the part before, if it was found
};

}  // namespace synergy
