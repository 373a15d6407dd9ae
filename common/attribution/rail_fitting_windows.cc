// Rows of the regression from what is known of the readings' windows.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "common/attribution/filtered_windows.h"
#include "common/attribution/outlying_rows.h"
#include "common/attribution/rail_fitting.h"

namespace synergy {
namespace {

using Eigen::VectorXd;

constexpr int kIterationsOnTheWay = 6;
constexpr int kIterationsAtLast = 30;
// Fewer readings say nothing about operators.
constexpr size_t kFewestReadings = 16;
// Readings of a filter that are so many of its time constants apart differ enough to be counted.
constexpr double kFilteredSpacing = 0.5;
// What one of them has of noise the next ones have as well: so many time constants together.
constexpr double kFilteredCluster = 4;
// A filter that still holds more than this of setup or warm-up is not read.
constexpr double kMostOfOther = 0.02;
// What was before the run is not more than this.
constexpr double kMostOfBefore = 0.1;
// A filter's period is found in so many rounds, by less than its tolerance at once.
constexpr int kSpeedRounds = 4;

}  // namespace

bool RailFitting::FitSmeared() {
  const double reach_ns = (window().period_s() + window().slot_s()) * 1e9;
  RailRows rows(*course_, *drift_, nullptr, nullptr);
  rows.Reserve(readings_.size());
  for (const StepReading& r : readings_) {
    const double middle = 0.5 * (r.begin_ns + r.end_ns);
    rows.Add(middle - reach_ns, middle, r.steps, 0, 0);
  }
  part_.readings = rows.rows().size();
  if (is_known()) {
    if (RegressFreely(&rows, kIterationsOnTheWay)) Summarise(rows);
    return true;
  }
  if (rows.rows().size() < kFewestReadings) {
    out_.why_not = "too few readings in measured iterations";
    return false;
  }
  // As if each parameter had one reading more that says the mean: such windows hardly tell short
  // operators apart.
  p_ = FitLeastSquares(rows.rows(), Quadratic::Around(p_, 1));
  power_.reset();
  noise_ = std::sqrt(MeanSquare(rows.rows(), p_));
  const VectorXd start = p_;
  RegressFreely(&rows, kIterationsOnTheWay);
  if (EraseStuck()) return FitSmeared();
  out_.windows = WindowKind::kSmeared;
  Summarise(rows);
  // Where better windows begin: without the wild values that operators get which smeared windows
  // cannot tell apart, and with the noise that is not such windows' misfit.
  p_ = start;
  power_.reset();
  noise_ *= 0.5;
  freedom_score_ = 0;
  return true;
}

void RailFitting::FitKnown() {
  if (!is_known()) FindStampDelay();
  const double sd_us = window().edge_sd_s() * 1e6;
  const SlowDrift places(course_->occupancy.begin_ns(), course_->occupancy.end_ns());
  for (int round = is_known() ? 1 : 0; round < 2; ++round) {
    if (round > 0) EraseStuck();
    WindowCursor power(Course());
    const DriftGrowth growth = Growth();
    // What a fitted delay is off by is found with the powers, so that intervals know of it.
    RailRows rows(*course_, *drift_, delay_ns_ == 0 ? nullptr : &places,
                  round > 0 ? &growth : nullptr);
    rows.Reserve(readings_.size());
    for (const StepReading& r : readings_) {
      const double length_us = 1e-3 * (r.end_ns - r.begin_ns);
      const double edge = power.Over(r.begin_ns, r.end_ns).edge / length_us;
      rows.Add(r.begin_ns, r.end_ns, r.steps, edge, edge * sd_us * edge * sd_us);
    }
    part_.readings = rows.rows().size();
    if (!is_known() && rows.rows().size() < kFewestReadings) {
      out_.why_not = "too few readings in measured iterations";
      return;
    }
    if (!RegressFreely(&rows, kIterationsAtLast)) return;
    if (round > 0) drift_factor_ = growth.factor;
    out_.windows = WindowKind::kKnown;
    Summarise(rows);
  }
}

// `speed`: errors of the filter's period over time, in kPeriodUnit.
RailRows RailFitting::FilteredRows(const SlowDrift& speed) const {
  const double period_ns = window().period_s() * period_factor_ * 1e9;
  FilterReader reader(course_->occupancy, course_->categories(), period_ns, window().average(),
                      kPeriodUnit);
  const double spacing_ns = std::max(kFilteredSpacing * reader.decay_ns(), period_ns);
  RailRows rows(*course_, *drift_, &speed, nullptr, kFilteredCluster * reader.decay_ns());
  const auto powers = p_.head(categories_);
  HeldShares held;
  double next = course_->occupancy.begin_ns() + period_ns;
  for (const StepReading& r : readings_) {
    const double at = 0.5 * (r.begin_ns + r.end_ns - slot_share() * period_ns);
    if (at < next || !reader.At(at, &held) || held.before > kMostOfBefore) continue;
    const double other = held.mean[course_->other()];
    if (other > kMostOfOther) continue;
    next = at + spacing_ns;
    // Evenly spread over a period, a place has a standard deviation of the root of its 12th part.
    const double moved = held.moved.dot(powers) / std::sqrt(12);
    // What it still holds of others drew as much as the rest, or nothing, or twice that.
    const double of_other = other * Level();
    held.mean /= 1 - other;
    rows.AddShares(std::span(held.mean.data(), course_->other()), at - reader.decay_ns(), r.steps,
                   held.slowed.dot(powers),
                   moved * moved + of_other * of_other + kRoundingVariance);
  }
  return rows;
}

// The chip's oscillator makes the filter faster or slower: steps of the power tell by how much.
void RailFitting::FitFiltered() {
  part_.readings = readings_.size();
  out_.windows = WindowKind::kFiltered;
  const SlowDrift speed(course_->occupancy.begin_ns(), course_->occupancy.end_ns());
  if (!is_known()) {
    noise_ = 0.5;
    for (int round = 0; round < kSpeedRounds; ++round) {
      RailRows rows = FilteredRows(speed);
      if (rows.rows().size() < kFewestReadings) break;
      Regress(&rows, kIterationsOnTheWay, false);
      const double off = fit_.p.segment(p_.size(), static_cast<Eigen::Index>(speed.knots())).mean();
      const double tolerance = window().period_tolerance();
      period_factor_ =
          std::clamp(period_factor_ * (1 + kPeriodUnit * off), 1 - tolerance, 1 + tolerance);
    }
    out_.filter_s = DecayConversions(window().average()) * window().period_s() * period_factor_;
  }
  RailRows rows = FilteredRows(speed);
  if (!is_known() && rows.rows().size() < 2) {
    out_.why_not = "too few independent readings behind the sensor's filter";
    return;
  }
  if (RegressFreely(&rows, kIterationsAtLast)) Summarise(rows);
}

// Readings of idle phases: wherever their windows lie, the board idled. As far apart as conversions
// are, so that none counts twice.
void RailFitting::AddIdleRows(double after_ns, double before_ns, RailRows* rows) {
  const double period_ns = window().period_s() * (1 + window().period_tolerance()) * 1e9;
  const double reach_ns = period_ns + window().slot_s() * 1e9;
  double next = after_ns;
  size_t near = 0;
  for (const StepReading& r : readings_) {
    const double begin = r.begin_ns - reach_ns;
    if (begin < after_ns || r.end_ns > before_ns || r.begin_ns < next) continue;
    if (!course_->occupancy.Row(begin, r.end_ns, &row_, &near)) continue;
    if (row_.size() != 1 || row_.front().parameter != course_->idle()) continue;
    rows->Add(begin, r.end_ns, r.steps, 0, 0);
    next = r.begin_ns + period_ns;
  }
}

void RailFitting::FitIdle() {
  const DriftGrowth growth = Growth();
  RailRows rows(*course_, *drift_, nullptr, is_known() ? &growth : nullptr);
  AddIdleRows(-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(),
              &rows);
  if (RegressFreely(&rows, kIterationsAtLast)) Summarise(rows);
}

void RailFitting::FitConversions(const std::vector<CycleRead>& reads, const ConversionTimes& times,
                                 uint32_t reg, FitStage stage) {
  const bool refined = stage >= FitStage::kPlaces, with_growth = stage >= FitStage::kGrowth;
  const SlowDrift places(course_->occupancy.begin_ns(), course_->occupancy.end_ns());
  const DriftGrowth growth = Growth();
  RailRows rows(*course_, *drift_, refined ? &places : nullptr, with_growth ? &growth : nullptr);
  rows.Reserve(readings_.size());
  AddIdleRows(-std::numeric_limits<double>::infinity(), course_->measure_begin, &rows);
  int64_t cycle = std::numeric_limits<int64_t>::min();
  double squares = 0;
  size_t placed = 0;
  if (is_known()) part_.readings = 0;
  for (size_t i = 0; i < reads.size(); ++i) {
    const ConversionTime& time = times.reads[i];
    if (reads[i].reg != reg) continue;
    if (is_known()) ++part_.readings;
    if (!time.certain || time.cycle == cycle) continue;
    const double slot = slot_share() * time.period_ns, begin = time.end_ns - slot;
    const double edge = 1e3 * time.edge / slot;
    const double error = edge * time.sd_ns * 1e-3;
    const double variance = (refined ? 0 : error * error) + time.bend * time.bend;
    if (!rows.Add(begin, time.end_ns, reads[i].value, edge, variance)) continue;
    cycle = time.cycle;
    squares += time.sd_ns * time.sd_ns;
    ++placed;
  }
  if (!is_known() && placed < kFewestReadings) return;
  AddIdleRows(course_->measure_end, std::numeric_limits<double>::infinity(), &rows);
  if (placed > 0) out_.place_sd_s = 1e-9 * std::sqrt(squares / static_cast<double>(placed));
  const bool is_fitted =
      stage == FitStage::kLast
          ? RegressFreely(&rows, kIterationsAtLast)
          : Regress(&rows, refined ? kIterationsAtLast : kIterationsOnTheWay, false);
  if (!is_fitted) return;
  if (with_growth) drift_factor_ = growth.factor;
  if (!refined) return;
  const auto errors = fit_.p.segment(p_.size(), static_cast<Eigen::Index>(places.knots()));
  places_off_us_ = std::sqrt(errors.squaredNorm() / static_cast<double>(errors.size()));
  out_.windows = WindowKind::kFitted;
  out_.period_s = 1e-9 * times.period_ns;
  if (stage != FitStage::kLast) return;
  Summarise(rows);
  part_.place_squares_ns2 = squares;
  part_.placed = placed;
}

}  // namespace synergy
