#include "common/clock_comparison/chirp_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/clock_comparison/chirp_fit.h"
#include "common/clock_comparison/load_pattern.h"
#include "common/load_chirp.h"

namespace synergy {
namespace {

// Steps in which the pattern is looked for first.
constexpr int kStepsPerChip = 4;
// Idle time around the pattern belongs to it.
constexpr int kMarginChips = 2;
// Of the pattern's time that must have readings.
constexpr double kLeastCovered = 0.7;
// Over 60 chips, noise alone reaches 0.6 once in 10^7 places.
constexpr double kLeastCorrelation = 0.6;
// Every other place must be clearly worse.
constexpr double kLeastLead = 0.15;

// Mean power in steps of equal length; NaN where there is none.
struct Steps {
  int64_t begin_ns = 0;
  double step_ns = 0;
  std::vector<double> power_w;
};

// Readings that are up to two steps apart, and a chip at most, are joined.
Steps StepsOf(std::span<const PowerSample> readings, int64_t begin_ns, int64_t end_ns,
              double step_ns) {
  Steps steps{begin_ns, step_ns, {}};
  const auto count = static_cast<size_t>(static_cast<double>(end_ns - begin_ns) / step_ns) + 1;
  std::vector<double> sums(count), weights(count);
  std::ptrdiff_t last = -1;
  double last_w = 0;
  for (const PowerSample& r : readings) {
    const double place = static_cast<double>(r.at_ns - begin_ns) / step_ns;
    if (place < 0 || place >= static_cast<double>(count)) continue;
    const auto i = static_cast<std::ptrdiff_t>(place);
    for (std::ptrdiff_t gap = last + 1; last >= 0 && gap < i && i - last <= kStepsPerChip + 1;
         ++gap) {
      const double part = static_cast<double>(gap - last) / static_cast<double>(i - last);
      sums[static_cast<size_t>(gap)] = last_w + part * (r.power_w - last_w);
      weights[static_cast<size_t>(gap)] = 1;
    }
    sums[static_cast<size_t>(i)] += r.power_w;
    weights[static_cast<size_t>(i)] += 1;
    last = i;
    last_w = r.power_w;
  }
  for (size_t i = 0; i < count; ++i) {
    steps.power_w.push_back(weights[i] > 0 ? sums[i] / weights[i] : std::nan(""));
  }
  return steps;
}

struct Place {
  size_t shift = 0;
  double correlation = -1;
};

// Pearson's, over the steps that have readings.
double Correlation(const std::vector<double>& pattern, const std::vector<double>& power,
                   size_t shift) {
  double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const double w = power[shift + i];
    if (std::isnan(w)) continue;
    ++n;
    x += pattern[i];
    y += w;
    xx += pattern[i] * pattern[i];
    yy += w * w;
    xy += pattern[i] * w;
  }
  if (n < kLeastCovered * static_cast<double>(pattern.size())) return -1;
  const double covariance = xy - x * y / n, own = xx - x * x / n, other = yy - y * y / n;
  if (own <= 0 || other <= 1e-12 * yy) return 0;  // a flat signal
  return covariance / std::sqrt(own * other);
}

absl::Status NotFound(std::string_view why) {
  return absl::NotFoundError(fmt::format("the load pattern was not found: {}", why));
}

absl::StatusOr<Place> Search(const std::vector<double>& pattern, const Steps& steps) {
  if (steps.power_w.size() < pattern.size() + 2) return NotFound("there are too few readings");
  Place best;
  std::vector<double> all;
  for (size_t shift = 0; shift + pattern.size() <= steps.power_w.size(); ++shift) {
    all.push_back(Correlation(pattern, steps.power_w, shift));
    if (all.back() > best.correlation) best = {shift, all.back()};
  }
  if (best.correlation < 0) {
    return NotFound("the meter gave too few readings while it was played");
  }
  if (best.correlation < kLeastCorrelation) {
    return NotFound(fmt::format(
        "the readings follow it nowhere (the best correlation is {:.2f}, {} is needed): does the "
        "meter measure this board, and does its supply show the load of the CPU?",
        best.correlation, kLeastCorrelation));
  }
  if (best.shift == 0 || best.shift + 1 == all.size()) {
    return NotFound(
        "the readings follow it at the very edge of what the arrival of the meter's "
        "lines allows");
  }
  double second = -1;
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t apart = i > best.shift ? i - best.shift : best.shift - i;
    if (apart > kStepsPerChip * 3 / 2) second = std::max(second, all[i]);
  }
  if (best.correlation - second < kLeastLead) {
    return NotFound(
        fmt::format("the readings follow it in two places, with correlations of {:.2f} "
                    "and {:.2f}",
                    best.correlation, second));
  }
  return best;
}

absl::Status CheckPlayed(const v1::ChirpPlayed& played) {
  if (absl::Status valid = ValidateChirpUntrusted(played.chirp()); !valid.ok()) return valid;
  const auto& edges = played.edge_ns();
  const bool whole = edges.size() >= 4 && edges.size() % 2 == 0 && edges[0] >= 0 &&
                     edges[edges.size() - 1] < int64_t{1} << 62 &&
                     std::ranges::is_sorted(edges, std::less_equal<>());
  if (whole) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the device's record of the load pattern has no edges that "
      "follow each other");
}

}  // namespace

absl::StatusOr<ChirpMatch> FindChirp(const v1::ChirpPlayed& played,
                                     std::span<const PowerSample> readings,
                                     const ChirpSearch& search) {
  if (absl::Status whole = CheckPlayed(played); !whole.ok()) return whole;
  const LoadPattern pattern(std::vector<int64_t>(played.edge_ns().begin(), played.edge_ns().end()));
  const double chip_ns = played.chirp().seconds_per_chip() * 1e9;
  const double step_ns = chip_ns / kStepsPerChip;
  const double begin = pattern.begin() - kMarginChips * chip_ns;
  const double end = pattern.end() + kMarginChips * chip_ns;

  const int64_t first_ns =
      pattern.origin_ns() + static_cast<int64_t>(begin) - search.highest_offset_ns;
  const int64_t last_ns = pattern.origin_ns() + static_cast<int64_t>(end) - search.lowest_offset_ns;
  const auto from = std::ranges::lower_bound(readings, first_ns, {}, &PowerSample::at_ns);
  const auto to = std::ranges::upper_bound(readings, last_ns, {}, &PowerSample::at_ns);
  const std::span<const PowerSample> near(from, to);
  const double period_ns = UsualDistance(near);
  if (near.size() < kFewestChips) return NotFound("the meter gave no readings while it was played");
  if (period_ns > chip_ns) {
    return NotFound(fmt::format(
        "the meter's readings are {:.0f} ms apart, and the pattern's chips only {:.0f} ms long",
        period_ns * 1e-6, chip_ns * 1e-6));
  }
  std::vector<double> shape;
  for (double at = begin; at < end; at += step_ns) {
    shape.push_back(pattern.Mean(at + step_ns / 2, step_ns));
  }
  const Steps steps = StepsOf(near, first_ns, last_ns, step_ns);
  const absl::StatusOr<Place> place = Search(shape, steps);
  if (!place.ok()) return place.status();
  // The reading that stands in the pattern's begin, on the meter's clock.
  const int64_t shift_ns = static_cast<int64_t>(static_cast<double>(place->shift) * step_ns);
  const int64_t origin_stamp_ns = first_ns + shift_ns - static_cast<int64_t>(begin);
  return FitChirp(pattern, near,
                  {.origin_stamp_ns = origin_stamp_ns,
                   .drift = search.drift,
                   .chip_ns = chip_ns,
                   .period_ns = period_ns});
}

}  // namespace synergy
