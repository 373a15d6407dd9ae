#include "common/attribution/rail_fitting.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "common/attribution/filtered_windows.h"

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kIterationsOnTheWay = 6;
constexpr int kIterationsAtLast = 30;
// A later part's rows are looked at again where they move what is expected by this share of the
// noise.
constexpr int kMostSteps = 8;
constexpr double kFarStep = 0.05;
// A power without readings is around the mean of all, within twice that, as one standard deviation.
constexpr double kPriorSpread = 2;
// Behind a filter, which hardly tells operators apart, they are alike within this share of it.
constexpr double kFilteredSpread = 0.3;
// The drift's knots: 10 % of the mean power, as one standard deviation.
constexpr double kDriftSpread = 0.1;
// The noise is around what it was found to be before, within ten times that.
constexpr double kNoiseSpread = 10;
// What the parameters' freedom may add to it.
constexpr double kMostFreedom = 0.2;
constexpr double kLeastNoise = 0.03;
// How much faster than all on average the drift grows with the power: proportional to it at 1.
constexpr double kMostSlope = 1;
constexpr double kMostGrowth = 2;
constexpr double kGrowthSpread = 0.5;
// Between operators and idle: this share of the mean power apart, as one standard deviation.
constexpr double kBetweenSpread = 0.2;
// What is known of a place before the readings are asked once more: this many of the standard
// deviations that they have given.
constexpr double kPlaceSpread = 3;
constexpr double kLeastPlaceUs = 0.2;
constexpr double kRoundingVariance = 1.0 / 12;
// Fewer readings say nothing about operators.
constexpr size_t kFewestReadings = 16;
// Readings of a filter that are so many of its time constants apart differ enough to be counted.
constexpr double kFilteredSpacing = 0.5;
// A filter that still holds more than this of setup or warm-up is not read.
constexpr double kMostOfOther = 0.02;
// What was before the run is taken to be as at its begin, if it is not more than this.
constexpr double kMostOfBefore = 0.1;
// A filter's period is looked for in so many steps to either side.
constexpr int kPeriodSteps = 10;
// Readings that a sensor's delay is looked for with.
constexpr size_t kDelayReadings = 6'000;
constexpr size_t kFewestDelayReadings = 500;

// A reading this many standard deviations from what was expected has another window than it is
// taken to have, or something else ran: one of them would make the noise of thousands.
constexpr double kOutlier = 6;
// More than this share are no outliers: the model does not hold, and the noise must say so.
constexpr double kMostOutliers = 0.01;

// Gives outliers a variance that makes them worth nothing; how many there are.
uint64_t LeaveOutOutliers(const VectorXd& p, RegressionRows* rows) {
  std::vector<double> off(rows->size());
  for (size_t i = 0; i < rows->size(); ++i) off[i] = std::abs(rows->y(i) - rows->Predict(i, p));
  std::vector<double> sorted = off;
  const auto median = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), median, sorted.end());
  // Of a normal distribution the median deviation is 0.6745 standard deviations.
  const double sd = std::max(*median / 0.6745, std::sqrt(kRoundingVariance));
  std::vector<size_t> outliers;
  for (size_t i = 0; i < rows->size(); ++i) {
    if (off[i] > kOutlier * std::sqrt(sd * sd + rows->variance(i))) outliers.push_back(i);
  }
  if (static_cast<double>(outliers.size()) > kMostOutliers * static_cast<double>(rows->size())) {
    return 0;
  }
  constexpr double kWorthNothing = 1e12;
  for (const size_t i : outliers) rows->set_variance(i, kWorthNothing * sd * sd);
  return outliers.size();
}

double SquaresOf(const RegressionRows& rows, const VectorXd& p) {
  double squares = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double off = rows.y(i) - rows.Predict(i, p);
    squares += off * off;
  }
  return squares;
}

// Of the predictions, rms.
double ChangeOf(const RegressionRows& rows, const VectorXd& by) {
  double squares = 0;
  for (size_t i = 0; i < rows.size(); ++i) squares += std::pow(rows.Predict(i, by), 2);
  return std::sqrt(squares / static_cast<double>(std::max<size_t>(rows.size(), 1)));
}

// By how much a drift's knots must move so that readings are no longer off.
class DriftStep {
 public:
  explicit DriftStep(const SlowDrift& drift)
      : normal_(MatrixXd::Identity(Size(drift), Size(drift))),
        right_(VectorXd::Zero(Size(drift))) {}

  void Add(const SlowDrift::Weights& at, double off) {
    const auto knot = static_cast<Eigen::Index>(at.knot);
    right_[knot] += at.first * off;
    right_[knot + 1] += at.second * off;
    normal_(knot, knot) += at.first * at.first;
    normal_(knot + 1, knot + 1) += at.second * at.second;
    normal_(knot, knot + 1) += at.first * at.second;
    normal_(knot + 1, knot) += at.first * at.second;
  }
  VectorXd Solve() const { return normal_.ldlt().solve(right_); }

 private:
  static Eigen::Index Size(const SlowDrift& drift) {
    return static_cast<Eigen::Index>(drift.knots());
  }
  MatrixXd normal_;  // as if one reading more said of each knot that it stays
  VectorXd right_;
};

}  // namespace

void RailFitting::BeginPart(const RunCourse& course, const SlowDrift& drift,
                            const RailReadings& input, const Remapping* map) {
  course_ = &course;
  drift_ = &drift;
  input_ = &input;
  readings_ = input.readings;
  Shift(delay_ns_);
  categories_ = static_cast<Eigen::Index>(course.categories());
  knots_ = static_cast<Eigen::Index>(drift.knots());
  out_.rail = input.rail;
  out_.scale = input.channel.scale();
  part_ = {};
  power_.reset();
  if (!level_ && !readings_.empty()) {
    double sum = 0;
    for (const StepReading& r : readings_) sum += r.steps;
    level_ = sum / static_cast<double>(readings_.size());
  }
  if (p_.size() == 0) {
    p_ = VectorXd::Zero(categories_ + knots_);
    p_.head(categories_).setConstant(level_.value_or(0));
    drift_factor_ = VectorXd::Ones(categories_);
  } else if (map != nullptr) {
    p_ = map->Values(p_, level_.value_or(0));
    drift_factor_ = map->CategoryValues(drift_factor_, 1);
    summary_.Remap(*map);
  }
}

void RailFitting::Shift(double by_ns) {
  for (StepReading& r : readings_) {
    r.begin_ns -= by_ns;
    r.end_ns -= by_ns;
  }
}

void RailFitting::AddDelay(double delay_ns) {
  delay_ns_ += delay_ns;
  Shift(delay_ns);
}

std::vector<double> RailFitting::MisfitByDelay(const std::vector<double>& delays_ns) {
  const double reach_ns = (window().period_s() + window().slot_s()) * 1e9;
  const auto first =
      std::ranges::lower_bound(readings_, course_->measure_begin, {}, &StepReading::begin_ns);
  const size_t count = std::min(static_cast<size_t>(readings_.end() - first), kDelayReadings);
  std::vector<double> misfits;
  for (const double delay_ns : delays_ns) {
    RailRows rows(*course_, *drift_, nullptr, nullptr);
    for (const StepReading& r : std::span(first, count)) {
      const double middle = 0.5 * (r.begin_ns + r.end_ns) - delay_ns;
      rows.Add(middle - reach_ns, middle, r.steps, 0, 0);
    }
    if (rows.rows().size() < kFewestDelayReadings) return {};
    const double n = static_cast<double>(rows.rows().size());
    const VectorXd p = FitLeastSquares(rows.rows(), Quadratic::Around(p_, 1));
    misfits.push_back(n * std::log(std::max(SquaresOf(rows.rows(), p) / n, kRoundingVariance)));
  }
  return misfits;
}

void RailFitting::Settle() {
  if (!part_.empty()) {
    out_.why_not.clear();
    p_ = kept_fit_.p.head(p_.size());
    noise_ = kept_fit_.noise;
    if (!is_known()) power_.reset();
  }
  summary_.Add(part_);
}

void RailFitting::EndPart() {
  part_ = {};
  power_.reset();
}

RailFitting::NoiseEstimate RailFitting::OwnNoise() const {
  const Quadratic prior = Prior(nullptr);
  const Eigen::LDLT<MatrixXd> solver(prior.h + summary_.data.h);
  const Eigen::Index noise = p_.size();
  const VectorXd column = solver.solve(VectorXd::Unit(noise + 1, noise));
  return {.steps = solver.solve(prior.g + summary_.data.g)[noise],
          .information = 1 / column[noise]};
}

void RailFitting::SetNoisePrior(double steps, double sd) {
  noise_prior_ = {.steps = steps, .information = 1 / (sd * sd)};
  const Quadratic prior = Prior(nullptr);
  const VectorXd found = (prior.h + summary_.data.h).ldlt().solve(prior.g + summary_.data.g);
  p_ = found.head(p_.size());
  noise_ = std::max(found[p_.size()], kLeastNoise);
  power_.reset();
}

double RailFitting::sd_steps() const { return std::sqrt(noise_ * noise_ + kRoundingVariance); }

const PowerCourse& RailFitting::Course() {
  if (!power_) power_ = std::make_shared<PowerCourse>(course_->occupancy, p_.head(categories_));
  return *power_;
}

double RailFitting::DriftAt(double at_ns) const {
  const SlowDrift::Weights w = drift_->At(at_ns);
  const Eigen::Index knot = categories_ + static_cast<Eigen::Index>(w.knot);
  return w.first * p_[knot] + w.second * p_[knot + 1];
}

double RailFitting::Level() const { return std::max(std::abs(level_.value_or(0)), 1.0); }

// The factors as they are known now; in the first part with what they may be off by.
DriftGrowth RailFitting::Growth() const {
  DriftGrowth growth;
  if (is_known()) {
    growth.factor = drift_factor_;
    return growth;
  }
  growth.slope = (p_.head(categories_) / Level()).array() - 1;
  growth.slope = growth.slope.cwiseMax(-kMostSlope).cwiseMin(kMostSlope);
  growth.factor = VectorXd::Ones(categories_) + growth_ * growth.slope;
  double sum = 0, count = 0;
  for (const StepReading& r : readings_) {
    if (r.begin_ns < course_->measure_begin || r.end_ns > course_->measure_end) continue;
    sum += DriftAt(r.end_ns);
    count += 1;
  }
  growth.knots = p_.tail(knots_).array() - sum / std::max(count, 1.0);
  return growth;
}

// Of the parameters in the order of the rows', and the noise. Null: of those that parts have in
// common.
Quadratic RailFitting::Prior(const RailRows* rows) const {
  const double level = Level();
  const auto place_knots = static_cast<Eigen::Index>(rows == nullptr ? 0 : rows->place_knots());
  const bool has_growth = rows != nullptr && rows->has_growth();
  VectorXd mean = VectorXd::Zero(categories_ + knots_ + place_knots + (has_growth ? 2 : 1));
  mean.head(categories_).setConstant(level);
  Quadratic prior = Quadratic::Around(mean, kPriorSpread * level);
  if (out_.windows == WindowKind::kFiltered) {
    const double information = std::pow(kFilteredSpread * level, -2);
    const Eigen::Index ops = categories_ - RunCourse::kOtherCategories;
    prior.h.diagonal().head(ops).setConstant(information);
    prior.g.head(ops).setConstant(information * level);
  }
  prior.h.diagonal().segment(categories_, knots_).setConstant(std::pow(kDriftSpread * level, -2));
  // Between operators, where the engine waits, much as when idle. Where pauses alternate with
  // operators faster than the sensor can tell, nothing else says which of them draws what.
  const Eigen::Index between = categories_ - RunCourse::kOtherCategories, idle = between + 1;
  const double alike = std::pow(kBetweenSpread * level, -2);
  prior.h(between, between) += alike;
  prior.h(idle, idle) += alike;
  prior.h(between, idle) -= alike;
  prior.h(idle, between) -= alike;
  const double sd_us = std::max(kPlaceSpread * out_.place_sd_s * 1e6, kLeastPlaceUs);
  prior.h.diagonal().segment(categories_ + knots_, place_knots).setConstant(1 / (sd_us * sd_us));
  const Eigen::Index noise = mean.size() - 1;
  if (has_growth) {
    prior.h(noise - 1, noise - 1) = std::pow(kGrowthSpread, -2);
    prior.g[noise - 1] = 0;
  }
  const NoiseEstimate around =
      noise_prior_.value_or(NoiseEstimate{noise_, std::pow(kNoiseSpread * noise_, -2)});
  prior.h(noise, noise) = around.information;
  prior.g[noise] = around.information * around.steps + freedom_score_;
  return prior;
}

// A likelihood of rounded readings is no quadratic any more half a step away from them.
void RailFitting::FollowRows(const RailRows& rows) {
  VectorXd p = VectorXd::Zero(static_cast<Eigen::Index>(rows.parameters()));
  p.head(p_.size()) = p_;
  DriftStep step(*drift_);
  for (size_t i = 0; i < rows.rows().size(); ++i) {
    step.Add(drift_->At(rows.at_ns(i)), rows.rows().y(i) - rows.rows().Predict(i, p));
  }
  p_.tail(knots_) += step.Solve();
}

void RailFitting::FollowDrift() {
  constexpr size_t kOneIn = 4;
  const double reach_ns = 1e9 * window().period_s();
  WindowCursor power(Course());
  DriftStep step(*drift_);
  for (size_t i = 0; i < readings_.size(); i += kOneIn) {
    const StepReading& r = readings_[i];
    const double end = 0.5 * (r.begin_ns + r.end_ns), begin = end - reach_ns;
    if (!course_->IsUsable(begin, end)) continue;
    step.Add(drift_->At(begin), r.steps - power.Over(begin, end).mean - DriftAt(begin));
  }
  p_.tail(knots_) += step.Solve();
}

void RailFitting::Regress(RailRows* rows, int most_iterations) {
  if (is_known()) FollowRows(*rows);
  const auto all = static_cast<Eigen::Index>(rows->parameters());
  VectorXd start = VectorXd::Zero(all);
  start.head(p_.size()) = p_;
  Quadratic prior = Prior(rows);
  if (is_known()) {
    const Eigen::ArrayXi kept = Kept(all);
    prior.h(kept, kept) += summary_.data.h;
    prior.g(kept) += summary_.data.g;
    part_.outliers = LeaveOutOutliers(start, &rows->rows());
    fit_ = StepRounded(rows->rows(), start, noise_, prior);
    for (int i = 1;
         i < kMostSteps && ChangeOf(rows->rows(), fit_.p - start) > kFarStep * fit_.noise; ++i) {
      start = fit_.p;
      fit_ = StepRounded(rows->rows(), start, fit_.noise, prior);
    }
  } else {
    fit_ = FitRounded(rows->rows(), std::move(start), noise_, prior, most_iterations);
    part_.outliers = LeaveOutOutliers(fit_.p, &rows->rows());
    if (part_.outliers > 0) {
      fit_ = FitRounded(rows->rows(), fit_.p, fit_.noise, prior, most_iterations);
    }
  }
  p_ = fit_.p.head(p_.size());
  noise_ = fit_.noise;
  if (rows->has_growth()) {
    growth_ = std::clamp(growth_ + fit_.p[fit_.p.size() - 1], -kMostGrowth, kMostGrowth);
  }
  // In later parts it hardly changes.
  if (!is_known()) power_.reset();
}

bool RailFitting::FitSmeared() {
  const double reach_ns = (window().period_s() + window().slot_s()) * 1e9;
  RailRows rows(*course_, *drift_, nullptr, nullptr);
  for (const StepReading& r : readings_) {
    const double middle = 0.5 * (r.begin_ns + r.end_ns);
    rows.Add(middle - reach_ns, middle, r.steps, 0, 0);
  }
  part_.readings = rows.rows().size();
  if (is_known()) {
    Regress(&rows, kIterationsOnTheWay);
    Summarise(rows);
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
  noise_ = std::sqrt(SquaresOf(rows.rows(), p_) / static_cast<double>(rows.rows().size()));
  const VectorXd start = p_;
  Regress(&rows, kIterationsOnTheWay);
  out_.windows = WindowKind::kSmeared;
  Summarise(rows);
  // Where better windows begin: without the wild values that operators get which smeared windows
  // cannot tell apart, and with the noise that is not such windows' misfit.
  p_ = start;
  power_.reset();
  noise_ *= 0.5;
  return true;
}

void RailFitting::FitKnown() {
  const double sd_us = window().edge_sd_s() * 1e6;
  for (int round = is_known() ? 1 : 0; round < 2; ++round) {
    WindowCursor power(Course());
    const DriftGrowth growth = Growth();
    RailRows rows(*course_, *drift_, nullptr, round > 0 ? &growth : nullptr);
    for (const StepReading& r : readings_) {
      const double change = power.Over(r.begin_ns, r.end_ns).edge;
      const double error = 1e3 * change / (r.end_ns - r.begin_ns) * sd_us;
      rows.Add(r.begin_ns, r.end_ns, r.steps, 0, error * error);
    }
    part_.readings = rows.rows().size();
    if (!is_known() && rows.rows().size() < kFewestReadings) {
      out_.why_not = "too few readings in measured iterations";
      return;
    }
    Regress(&rows, kIterationsAtLast);
    if (round > 0) drift_factor_ = growth.factor;
    out_.windows = WindowKind::kKnown;
    Summarise(rows);
  }
}

RailRows RailFitting::FilteredRows() const {
  const double period_ns = window().period_s() * period_factor_ * 1e9;
  const double decay_ns = window().average() * period_ns;
  RailRows rows(*course_, *drift_, nullptr, nullptr);
  FilteredShares filtered(course_->occupancy, course_->categories(), decay_ns);
  const uint32_t at_first = course_->occupancy.PieceNumber(0).parts.front().category;
  std::vector<double> shares;
  double next = course_->occupancy.begin_ns();
  for (const StepReading& r : readings_) {
    // The last conversion ended half a period before the read, on average, its middle half a slot
    // before that.
    const double at = 0.5 * (r.begin_ns + r.end_ns - period_ns - window().slot_s() * 1e9);
    if (at < next) continue;
    const std::span<const double> known = filtered.At(at);
    if (known.empty()) continue;
    shares.assign(known.begin(), known.end());
    const double before = 1 - std::accumulate(shares.begin(), shares.end(), 0.0);
    if (before > kMostOfBefore) continue;
    shares[at_first] += before;
    if (shares[course_->other()] > kMostOfOther) continue;
    next = at + kFilteredSpacing * decay_ns;
    rows.AddShares(std::span(shares).first(course_->other()), at - decay_ns, r.steps, 0);
  }
  return rows;
}

// The chip's oscillator makes the filter faster or slower: the steps when the network begins and
// ends show it.
void RailFitting::FindFilterPeriod() {
  double best = -std::numeric_limits<double>::infinity(), found = 1;
  const double tolerance = window().period_tolerance();
  for (int i = -kPeriodSteps; i <= kPeriodSteps; ++i) {
    period_factor_ = 1 + tolerance * i / kPeriodSteps;
    const RailRows rows = FilteredRows();
    if (rows.rows().size() < kFewestReadings) continue;
    const RegressionFit fit =
        FitRounded(rows.rows(), p_, noise_, Prior(nullptr), kIterationsOnTheWay);
    // Each has other rows, but nearly as many.
    const double likelihood = fit.log_likelihood / static_cast<double>(rows.rows().size());
    if (likelihood <= best) continue;
    best = likelihood;
    found = period_factor_;
  }
  period_factor_ = found;
  out_.filter_s = window().average() * window().period_s() * period_factor_;
}

void RailFitting::FitFiltered() {
  part_.readings = readings_.size();
  out_.windows = WindowKind::kFiltered;
  if (!is_known()) {
    noise_ = 0.5;
    FindFilterPeriod();
  }
  RailRows rows = FilteredRows();
  if (!is_known() && rows.rows().size() < 2) {
    out_.why_not = "too few independent readings behind the sensor's filter";
    return;
  }
  Regress(&rows, kIterationsAtLast);
  Summarise(rows);
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
  RailRows rows(*course_, *drift_, nullptr, nullptr);
  AddIdleRows(-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(),
              &rows);
  Regress(&rows, kIterationsAtLast);
  Summarise(rows);
}

void RailFitting::FitConversions(const std::vector<CycleRead>& reads, const ConversionTimes& times,
                                 uint32_t reg, bool refined, bool with_growth) {
  const SlowDrift places(course_->occupancy.begin_ns(), course_->occupancy.end_ns());
  const DriftGrowth growth = Growth();
  RailRows rows(*course_, *drift_, refined ? &places : nullptr, with_growth ? &growth : nullptr);
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
  Regress(&rows, refined ? kIterationsAtLast : kIterationsOnTheWay);
  if (with_growth) drift_factor_ = growth.factor;
  if (!refined) return;
  const auto errors = fit_.p.segment(p_.size(), static_cast<Eigen::Index>(places.knots()));
  places_off_us_ = std::sqrt(errors.squaredNorm() / static_cast<double>(errors.size()));
  out_.windows = WindowKind::kFitted;
  out_.period_s = 1e-9 * times.period_ns;
  Summarise(rows);
  part_.place_squares_ns2 = squares;
  part_.placed = placed;
}

// Where the parameters that parts have in common are among `all` of a part's rows, which the noise
// follows.
Eigen::ArrayXi RailFitting::Kept(Eigen::Index all) const {
  Eigen::ArrayXi kept(p_.size() + 1);
  std::iota(kept.begin(), kept.end(), 0);
  kept[p_.size()] = static_cast<int>(all);
  return kept;
}

// Where the readings hardly know the noise it moves by no more than kMostFreedom.
double RailFitting::Freedom(const RailRows& rows) const {
  const Quadratic prior = Prior(&rows);
  const Eigen::Index noise = fit_.p.size();
  const VectorXd column = (prior.h + fit_.data.h).ldlt().solve(VectorXd::Unit(noise + 1, noise));
  const double most = kMostFreedom * fit_.noise / column[noise];
  return std::clamp(FreedomScore(rows.rows(), fit_, prior), -most, most);
}

// The errors of places are this part's own: they are eliminated.
void RailFitting::Summarise(const RailRows& rows) {
  kept_fit_ = fit_;
  if (!is_known()) freedom_score_ = Freedom(rows);
  const Eigen::Index all = fit_.p.size();
  const Eigen::ArrayXi kept = Kept(all);
  part_.data = {.h = fit_.data.h(kept, kept), .g = fit_.data.g(kept)};
  part_.score_products = fit_.score_products(kept, kept);
  if (all > p_.size()) {
    const auto gone = Eigen::seq(p_.size(), all - 1);
    const MatrixXd own = fit_.data.h(gone, gone) + Prior(&rows).h(gone, gone);
    const MatrixXd common = fit_.data.h(kept, gone);
    // A score of what is kept, less what the errors of places explain of it.
    const MatrixXd explained = own.ldlt().solve(common.transpose()).transpose();
    part_.data.h -= explained * common.transpose();
    part_.data.g -= explained * fit_.data.g(gone);
    const MatrixXd both = fit_.score_products(kept, gone);
    part_.score_products += explained * fit_.score_products(gone, gone) * explained.transpose() -
                            explained * both.transpose() - both * explained.transpose();
  }
  part_.clusters = fit_.clusters;
  part_.used = rows.rows().size();
  part_.touched = rows.touched();
  part_.covered_s = rows.covered_s();
  part_.row_sum = VectorXd::Zero(p_.size());
  part_.y_sum = 0;
  for (size_t i = 0; i < rows.rows().size(); ++i) {
    part_.y_sum += rows.rows().y(i);
    for (const auto& e : rows.rows().entries(i)) {
      if (e.parameter < p_.size()) part_.row_sum[e.parameter] += e.weight;
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
      static_cast<double>(summary_.used);
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
  fit.p = found.head(count);
  fit.model_covariance = covariance.topLeftCorner(count, count);
  fit.robust_covariance = robust.topLeftCorner(count, count);
  fit.clusters = summary_.clusters;
  fit.noise_steps = std::max(0.0, found[count]);
  fit.drift_factor = drift_factor_;
  fit.delay_s = 1e-9 * delay_ns_;
  fit.readings = summary_.readings;
  fit.used = summary_.used;
  fit.outliers = summary_.outliers;
  fit.touched = summary_.touched;
  fit.covered_s = summary_.covered_s;
  const double placed = static_cast<double>(std::max<uint64_t>(summary_.placed, 1));
  fit.place_sd_s = 1e-9 * std::sqrt(summary_.place_squares_ns2 / placed);
  BoundRounding(summary_, &fit);
  return fit;
}

// A rail that hardly moves between two steps tells nothing of where it stands between them, but it
// does not stand elsewhere: the mean of all readings is off by at most half a step.
void RailFitting::BoundRounding(const RailSummary& summary, RailFit* fit) {
  const auto count = static_cast<double>(summary.used);
  const VectorXd mean = summary.row_sum / count;
  const VectorXd towards = fit->model_covariance * mean;
  const double variance = mean.dot(towards);
  if (!(variance > kRoundingVariance)) return;
  const double gain = (1 - kRoundingVariance / variance) / variance;
  fit->p += gain * (summary.y_sum / count - mean.dot(fit->p)) * towards;
  fit->model_covariance -= gain * towards * towards.transpose();
}

}  // namespace synergy
