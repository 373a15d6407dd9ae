#include "common/attribution/counter_updates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/attribution/run_checks.h"

namespace synergy {
namespace {

// Pairs of reads with which the search begins, and which it needs.
constexpr size_t kFirstPairs = 64;
constexpr size_t kFewestPairs = 256;
// A clock is taken for steady over so many reads.
constexpr size_t kBlock = 4096;
// Phases are told apart by this share of the period at first, and at last.
constexpr size_t kFirstBins = 64;
constexpr size_t kLastBins = 1024;
// More pairs of reads than this share contradict no clock that is steady.
constexpr double kMostContradictions = 0.05;

// Times are ns after the first read.
struct Pair {
  double before_begin = 0, before_end = 0;  // of the first of two reads
  double begin = 0, end = 0;                // of the second
  bool changed = false;
};

std::vector<Pair> PairsOf(std::span<const Reading> reads) {
  std::vector<Pair> pairs;
  const int64_t origin = Middle(reads.front());
  const auto after = [&](int64_t ns) { return static_cast<double>(ns - origin); };
  for (size_t i = 1; i < reads.size(); ++i) {
    const Reading &a = reads[i - 1], &b = reads[i];
    pairs.push_back(
        {after(a.begin_ns), after(a.end_ns), after(b.begin_ns), after(b.end_ns), a.raw != b.raw});
  }
  return pairs;
}

// How many pairs each phase contradicts, were `period` the clock's.
class Contradictions {
 public:
  explicit Contradictions(size_t bins) : sums_(bins + 1), bins_(bins) {}

  void Count(std::span<const Pair> pairs, double period) {
    std::ranges::fill(sums_, 0);
    always_ = informative_ = 0;
    // The true phase lies up to half a bin beside the nearest bin, and the true period may move it
    // by as much until the last pair: neither may be contradicted by it.
    const double bin = period / static_cast<double>(bins_);
    for (const Pair& pair : pairs) {
      if (pair.changed) {
        // An update lies between them, wherever in the reads: all other phases are contradicted.
        const double begin = pair.before_begin - bin, end = pair.end + bin;
        if (end - begin >= period) continue;
        ++informative_;
        ++always_;
        AddArc(begin, end, period, -1);
      } else if (pair.begin - pair.before_end > 2 * bin) {
        const double begin = pair.before_end + bin, end = pair.begin - bin;
        ++informative_;
        if (end - begin >= period) {
          ++always_;
        } else {
          AddArc(begin, end, period, 1);
        }
      }
    }
    for (size_t i = 1; i < bins_; ++i) sums_[i] += sums_[i - 1];
  }

  int64_t fewest() const { return always_ + *std::min_element(sums_.begin(), sums_.end() - 1); }
  int64_t informative() const { return informative_; }

  // The longest arc of the phases with the fewest: its middle and its width, as shares of the
  // period.
  std::pair<double, double> Best() const {
    const int64_t least = fewest() - always_;
    size_t best_begin = 0, best_length = 0, length = 0;
    for (size_t i = 0; i < 2 * bins_; ++i) {
      length = sums_[i % bins_] == least ? std::min(length + 1, bins_) : 0;
      if (length <= best_length) continue;
      best_length = length;
      best_begin = i + 1 - length;
    }
    const auto share = [&](double bins) { return bins / static_cast<double>(bins_); };
    const double middle = static_cast<double>(best_begin) + 0.5 * static_cast<double>(best_length);
    return {share(middle), share(static_cast<double>(best_length))};
  }

 private:
  // The bins whose middles lie in (begin, end], which is shorter than a period.
  void AddArc(double begin, double end, double period, int by) {
    const auto first = BinAfter(begin / period), last = BinAfter(end / period);
    const auto bins = static_cast<int64_t>(bins_);
    const int64_t from = ((first % bins) + bins) % bins;
    const int64_t to = from + last - first;
    sums_[static_cast<size_t>(from)] += by;
    if (to <= bins) {
      sums_[static_cast<size_t>(to)] -= by;
    } else {
      sums_.front() += by;
      sums_[static_cast<size_t>(to - bins)] -= by;
    }
  }
  int64_t BinAfter(double turns) const {
    return std::llround(std::ceil(turns * static_cast<double>(bins_) - 0.5));
  }

  std::vector<int64_t> sums_;
  const size_t bins_;
  int64_t always_ = 0, informative_ = 0;
};

struct Range {
  double low = 0, high = 0;
};

// The periods in `range` that the pairs contradict least, at this resolution. Nothing: they leave
// too many to be looked at.
std::optional<Range> NarrowPeriod(std::span<const Pair> pairs, const Range& range, size_t bins) {
  constexpr double kMostPeriods = 60'000;
  const double periods = std::max(1.0, pairs.back().end / range.low);
  const double step = range.low / static_cast<double>(bins) / periods;
  if (range.high - range.low > kMostPeriods * step) return std::nullopt;
  Contradictions counts(bins);
  std::vector<int64_t> found;
  for (double period = range.low; period <= range.high + step; period += step) {
    counts.Count(pairs, period);
    found.push_back(counts.fewest());
  }
  const int64_t most = *std::ranges::min_element(found);
  const auto fits = [most](int64_t contradictions) { return contradictions <= most; };
  const auto first = std::ranges::find_if(found, fits) - found.begin();
  const auto last = std::find_if(found.rbegin(), found.rend(), fits).base() - 1 - found.begin();
  return Range{range.low + step * (static_cast<double>(first) - 1),
               range.low + step * (static_cast<double>(last) + 1)};
}

}  // namespace

std::optional<CounterClock> FindCounterClock(std::span<const Reading> reads, double nominal_ns,
                                             double tolerance) {
  if (reads.size() < kFewestPairs + 1 || !(nominal_ns > 0)) return std::nullopt;
  const std::vector<Pair> pairs = PairsOf(reads);
  Range range{nominal_ns * (1 - tolerance), nominal_ns * (1 + tolerance)};
  size_t bins = kFirstBins;
  for (size_t count = kFirstPairs;; count *= 2) {
    const std::span first = std::span(pairs).first(std::min(count, pairs.size()));
    const bool all = first.size() == pairs.size();
    const std::optional<Range> narrowed = NarrowPeriod(first, range, bins);
    if (!narrowed) return std::nullopt;
    range = *narrowed;
    if (all) break;
    bins = std::min(2 * bins, kLastBins);
  }
  CounterClock clock{.period_ns = 0.5 * (range.low + range.high)};
  Contradictions counts(kLastBins);
  counts.Count(pairs, clock.period_ns);
  const auto most = kMostContradictions * static_cast<double>(counts.informative());
  if (counts.informative() == 0 || static_cast<double>(counts.fewest()) > most) {
    return std::nullopt;
  }
  const auto [middle, width] = counts.Best();
  clock.phase_ns = middle * clock.period_ns;
  // Anywhere in the arc, and as the period's own doubt moves it at the ends of the reads.
  const double doubt_ns = 0.5 * (range.high - range.low) * pairs.back().end / clock.period_ns;
  clock.sd_ns = std::hypot(0.5 * width * clock.period_ns, 0.5 * doubt_ns) / std::sqrt(3.0);
  return clock;
}

CounterWindows WindowsOfCounter(std::span<const Reading> reads, double nominal_ns,
                                double tolerance) {
  CounterWindows result;
  double squares = 0;
  // Blocks of about the same size, so that none is too short.
  const size_t blocks = std::max<size_t>(1, reads.size() / kBlock);
  for (size_t block = 0; block < blocks; ++block) {
    const size_t from = block * reads.size() / blocks, to = (block + 1) * reads.size() / blocks;
    const auto own = reads.subspan(from, to - from);
    const std::optional<CounterClock> clock = FindCounterClock(own, nominal_ns, tolerance);
    if (!clock) continue;
    const auto origin = static_cast<double>(Middle(own.front()));
    // The update that a read shows; nothing where it may be the one before or after.
    const auto shown = [&](const Reading& r) -> std::optional<double> {
      const double since = static_cast<double>(Middle(r) - Middle(own.front())) - clock->phase_ns;
      const double turns = since / clock->period_ns;
      const double doubt = 0.5 * static_cast<double>(r.end_ns - r.begin_ns) + 2 * clock->sd_ns;
      if (std::abs(turns - std::round(turns)) * clock->period_ns <= doubt) return std::nullopt;
      return std::floor(turns) * clock->period_ns + clock->phase_ns;
    };
    const Reading* before = nullptr;  // the last read of which it is known what it shows
    double update = 0;                // that it shows
    for (size_t i = 1; i < own.size(); ++i) {
      if (own[i].raw == own[i - 1].raw) continue;
      const std::optional<double> known = shown(own[i]);
      if (!known) continue;
      const double end = *known;
      const Reading* const last = std::exchange(before, &own[i]);
      const double begin = std::exchange(update, end);
      if (last == nullptr || own[i].raw < last->raw || !(end > begin)) continue;
      result.windows.push_back({.begin_ns = origin + begin,
                                .end_ns = origin + end,
                                .counts = static_cast<double>(own[i].raw - last->raw)});
      squares += clock->sd_ns * clock->sd_ns;
    }
  }
  if (!result.windows.empty()) {
    result.sd_ns = std::sqrt(squares / static_cast<double>(result.windows.size()));
  }
  return result;
}

}  // namespace synergy
