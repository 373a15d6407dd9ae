#include "common/clock_comparison/chirp_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "common/attribution/mean_interval.h"

namespace synergy {
namespace {

constexpr int kMostRounds = 60;
constexpr double kSettledNs = 0.5;
constexpr size_t kFewestEdges = 8;
// What is seen of an edge between two readings is not normally distributed, and the same distance
// of readings cuts many edges alike: without it the bound of a slow meter that does not average
// held in 90 % (tests/common/clock_comparison/chirp_search_test.cc).
constexpr double kNotNormal = 1.25;

using Row = std::array<double, 3>;  // base, step, place
using Matrix = std::array<Row, 3>;

// By Cramer's rule, of a symmetric matrix; absent where it is singular.
std::optional<Matrix> Inverse(const Matrix& m) {
  const auto minor = [&](size_t r, size_t c) {
    const size_t r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
    return m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
  };
  const double determinant = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
  const double scale = m[0][0] * m[1][1] * m[2][2];
  if (!(std::abs(determinant) > 1e-12 * std::abs(scale))) return std::nullopt;
  Matrix inverse;
  for (size_t r = 0; r < 3; ++r) {
    for (size_t c = 0; c < 3; ++c) inverse[r][c] = minor(c, r) / determinant;
  }
  return inverse;
}

// A reading: when it was on the pattern's time, were the place as assumed; and its power.
struct Point {
  double at = 0;
  double power_w = 0;
};

struct Fit {
  double place = 0;  // how much later than assumed the readings show the pattern
  double base_w = 0, step_w = 0;
  double window = 0;
  double squares = 0;  // of what is left over
  double total_squares = 0;
};

struct Normal {
  Matrix matrix{};
  Row vector{};
};

class Fitter {
 public:
  Fitter(const LoadPattern& pattern, std::vector<Point> points)
      : pattern_(pattern), points_(std::move(points)) {}

  // From `fit` on; absent where nothing decides it.
  std::optional<Fit> Run(Fit fit, double window, double longest_step) const;
  // Of the place: 95 %. Absent where too few edges decide it.
  std::optional<double> Bound(const Fit& fit) const;

 private:
  Row RowOf(const Point& p, const Fit& fit) const {
    const double at = p.at - fit.place;
    return {1, pattern_.Mean(at, fit.window), -fit.step_w * pattern_.Slope(at, fit.window)};
  }
  // Levels for a fixed place.
  void FitLevels(Fit* fit) const;
  Normal NormalOf(const Fit& fit) const;

  const LoadPattern& pattern_;
  const std::vector<Point> points_;
};

void Fitter::FitLevels(Fit* fit) const {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  for (const Point& p : points_) {
    const double load = pattern_.Mean(p.at - fit->place, fit->window);
    ++n;
    x += load;
    y += p.power_w;
    xx += load * load;
    xy += load * p.power_w;
    yy += p.power_w * p.power_w;
  }
  const double spread = xx - x * x / n;
  fit->step_w = spread > 0 ? (xy - x * y / n) / spread : 0;
  fit->base_w = (y - fit->step_w * x) / n;
  fit->total_squares = yy - y * y / n;
  fit->squares = 0;
  for (const Point& p : points_) {
    const double load = pattern_.Mean(p.at - fit->place, fit->window);
    const double rest = p.power_w - fit->base_w - fit->step_w * load;
    fit->squares += rest * rest;
  }
}

Normal Fitter::NormalOf(const Fit& fit) const {
  Normal normal;
  for (const Point& p : points_) {
    const Row row = RowOf(p, fit);
    const double rest = p.power_w - fit.base_w - fit.step_w * row[1];
    for (size_t i = 0; i < 3; ++i) {
      normal.vector[i] += row[i] * rest;
      for (size_t j = 0; j < 3; ++j) normal.matrix[i][j] += row[i] * row[j];
    }
  }
  return normal;
}

std::optional<Fit> Fitter::Run(Fit fit, double window, double longest_step) const {
  fit.window = window;
  for (int round = 0; round < kMostRounds; ++round) {
    FitLevels(&fit);
    const Normal normal = NormalOf(fit);
    const std::optional<Matrix> inverse = Inverse(normal.matrix);
    if (!inverse) return std::nullopt;
    double step = 0;
    for (size_t j = 0; j < 3; ++j) step += (*inverse)[2][j] * normal.vector[j];
    // Halved as long as it makes the fit worse: the slopes of a narrow window are blind beyond it.
    step = std::clamp(step, -longest_step, longest_step);
    Fit next = fit;
    for (int half = 0; half < 12; ++half, step /= 2) {
      next.place = fit.place + step;
      FitLevels(&next);
      if (next.squares <= fit.squares) break;
    }
    if (next.squares > fit.squares) break;
    fit = next;
    if (std::abs(step) < kSettledNs) break;
  }
  return fit;
}

std::optional<double> Fitter::Bound(const Fit& fit) const {
  const Normal normal = NormalOf(fit);
  const std::optional<Matrix> inverse = Inverse(normal.matrix);
  if (!inverse) return std::nullopt;
  std::vector<Row> scores(pattern_.edges());
  std::vector<bool> decides(pattern_.edges());
  for (const Point& p : points_) {
    const Row row = RowOf(p, fit);
    const double rest = p.power_w - fit.base_w - fit.step_w * row[1];
    const size_t edge = pattern_.Nearest(p.at - fit.place);
    for (size_t i = 0; i < 3; ++i) scores[edge][i] += row[i] * rest;
    if (row[2] != 0) decides[edge] = true;
  }
  const auto edges = static_cast<size_t>(std::ranges::count(decides, true));
  if (edges < kFewestEdges) return std::nullopt;
  double variance = 0;
  for (const Row& score : scores) {
    double share = 0;
    for (size_t j = 0; j < 3; ++j) share += (*inverse)[2][j] * score[j];
    variance += share * share;
  }
  const double n = static_cast<double>(edges);
  variance *= n / (n - 3);  // three numbers were fitted
  return kNotNormal * StudentT975(edges - 3) * std::sqrt(variance);
}

}  // namespace

double UsualDistance(std::span<const PowerSample> readings) {
  std::vector<int64_t> distances;
  for (size_t i = 1; i < readings.size(); ++i) {
    distances.push_back(readings[i].at_ns - readings[i - 1].at_ns);
  }
  if (distances.empty()) return 0;
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::ranges::nth_element(distances, middle);
  return static_cast<double>(*middle);
}

absl::StatusOr<ChirpMatch> FitChirp(const LoadPattern& pattern,
                                    std::span<const PowerSample> readings,
                                    const ChirpPlace& place) {
  const double margin = 2 * place.chip_ns;
  std::vector<Point> points;
  for (const PowerSample& r : readings) {
    const double at = static_cast<double>(r.at_ns - place.origin_stamp_ns) * (1 + place.drift);
    if (at < pattern.begin() - margin || at > pattern.end() + margin) continue;
    points.push_back({at, r.power_w});
  }
  const absl::Status undecided =
      absl::NotFoundError("the load pattern was not found: its edges do not show in the readings");
  if (points.size() < kFewestEdges) return undecided;
  const Fitter fitter(pattern, std::move(points));
  const double narrowest = std::max(place.period_ns, 1000.0);
  std::optional<Fit> best;
  Fit last;
  for (double window = place.chip_ns / 2;; window = std::max(window / 2, narrowest)) {
    if (window < narrowest) window = narrowest;
    const std::optional<Fit> fit = fitter.Run(last, window, place.chip_ns / 4);
    if (fit) {
      last = *fit;
      if (!best || fit->squares < best->squares) best = *fit;
    }
    if (window <= narrowest) break;
  }
  if (!best || best->step_w <= 0 || std::abs(best->place) > place.chip_ns) return undecided;
  const std::optional<double> bound = fitter.Bound(*best);
  if (!bound) return undecided;
  ChirpMatch match;
  match.stamp_ns = place.origin_stamp_ns + std::llround(best->place / (1 + place.drift));
  match.device_ns = pattern.origin_ns();
  match.bound_ns = *bound;
  match.correlation =
      std::sqrt(std::max(0.0, 1 - best->squares / std::max(best->total_squares, 1e-300)));
  match.step_w = best->step_w;
  match.window_ns = best->window;
  return match;
}

}  // namespace synergy
