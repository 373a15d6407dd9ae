// When the conversions of a free-running chip were, found from its readings.
//
// A read says which value the register held at an instant; the value is the mean over a slot that
// ended up to a whole period before. Period and phase are the chip's own. With the power over time
// known roughly, the readings of an operator's edge say where their slots lay: an edge that moves
// through a slot changes the reading. So:
//   1. Acquisition: in a short piece of the run every period that the oscillator allows and every
//      phase are tried; the one whose slots explain the readings best begins.
//   2. Tracking: a Kalman filter follows phase, period and the period's drift through the run, both
//      ways (Rauch, Tung and Striebel's smoother), from each reading's difference to the power's
//      course times how much an error of the phase would have changed it.
// What comes out has a standard deviation for each reading: an error of the window costs more than
// the sensor's noise.
//
// Times: ns after the run's origin; values in steps of the register. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/attribution/occupancy.h"

namespace synergy {

// A register of the chip.
struct CycleRegister {
  double slot_share = 0;  // length of its conversion, of a period: 1 / 6 of three channels' cycle
  double offset = 0;      // its conversion's end after the cycle's begin, in periods, 0 to 1
  double noise = 1;       // standard deviation of a reading, rounding included
  const PowerCourse* course = nullptr;  // what it measures
};

struct CycleRead {
  uint32_t reg = 0;                       // index of its register
  double earliest_ns = 0, latest_ns = 0;  // between which the chip gave the value
  double value = 0;

  double middle_ns() const { return 0.5 * (earliest_ns + latest_ns); }
};

struct CycleNominal {
  double period_ns = 0;
  double tolerance = 0;  // relative
};

// The conversion that a read showed.
struct ConversionTime {
  double end_ns = 0;
  double sd_ns = 0;  // of the end, and of the begin: they move together
  double period_ns = 0;
  double edge = 0;  // power at the window's end less that at its begin
  // By how much the reading would change beside that, were the end off by its sd: something begins
  // or ends there. Steps.
  double bend = 0;
  int64_t cycle = 0;     // reads of one register with the same cycle show the same conversion
  bool certain = false;  // which conversion it was is beyond doubt
};

// The cycle at some instant, and how well it is known: where tracking begins.
struct CycleState {
  double begin_ns = 0;  // of a cycle, from which offsets count
  double sd_ns = 0;
  double period_ns = 0;
  double sd_period_ns = 0;
  double covariance_ns2 = 0;  // of the begin and the period, while it is but found
  double drift_ns = 0;        // change of the period per cycle
  double sd_drift_ns = 0;
  double wander = 0;  // as in ConversionTimes
  double misfit = 0;  // likewise
};

struct ConversionTimes {
  std::vector<ConversionTime> reads;  // as they were given
  CycleState middle, last;            // at the middle read and at the last
  double period_ns = 0;               // in the middle of the run
  // Mean square of what the readings differ from the course by, in their noise, over certain reads
  // that differ at all; about 1 where all is well.
  double misfit = 0;
  double wander = 0;  // of the period, relative, per root of a second, that explains them best
  double log_likelihood = 0;  // of these times; reads in doubt cost more than others

  double certain_share() const;  // of the reads
};

// A cycle of which fewer conversions are beyond doubt is lost.
inline constexpr double kLostCertain = 0.1;

// Where cycles may be, the likeliest first, each of another period; `reads` in the order of the
// cycles that they show, nearly that of time. None: too few readings, or no period explains them
// better than any other (a constant power shows no edges). Unless `all`: only one where a piece of
// the run leaves no doubt, whose others are not looked at.
std::vector<CycleState> FindCycles(const CycleNominal& nominal,
                                   const std::vector<CycleRegister>& registers,
                                   const std::vector<CycleRead>& reads, bool all = false);
bool HaveSamePeriod(const CycleState& a, const CycleState& b);

// From one of these on.
ConversionTimes TrackFound(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
                           const std::vector<CycleRead>& reads, const CycleState& found);

// By how much later than it was taken to be, up to half a period, a register shows a conversion
// once it is done, negative where earlier: what explains the readings best that show the one before
// or after. In `steps` of a period; 0 where none is clearly better. ns.
double ReadDelay(const std::vector<CycleRegister>& registers, const std::vector<CycleRead>& reads,
                 const ConversionTimes& times, int steps);

// Where the cycle is nearly known at an instant: after the course was improved, or from the part of
// the run before.
ConversionTimes TrackConversionTimes(const CycleNominal& nominal,
                                     const std::vector<CycleRegister>& registers,
                                     const std::vector<CycleRead>& reads, const CycleState& before);

}  // namespace synergy
