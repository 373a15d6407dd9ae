#include "common/records/reading_span.h"

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

Nanoseconds Rounded(double seconds) { return {std::llround(seconds * 1e9)}; }

bool IsKnown(const v1::Window& window) { return window.slot_s() > 0 && window.period_s() > 0; }

}  // namespace

int64_t ConversionsInSpan(uint32_t average) {
  if (average <= 1) return 1;
  const double kept = 1.0 - 1.0 / static_cast<double>(average);  // of what was there before
  return static_cast<int64_t>(std::ceil(std::log(1.0 - kSpanWeight) / std::log(kept)));
}

std::optional<ReadingSpan> SpanEndingIn(TimeSpan end, const v1::Window& window) {
  if (!IsKnown(window)) return std::nullopt;
  const auto before_last = static_cast<double>(ConversionsInSpan(window.average()) - 1);
  const double length_s = window.slot_s() + before_last * window.period_s();
  const double tolerance = window.period_tolerance();
  return ReadingSpan{.begin = {.earliest = end.earliest - Rounded(length_s * (1 + tolerance)),
                               .latest = end.latest - Rounded(length_s * (1 - tolerance))},
                     .end = end};
}

std::optional<ReadingSpan> SpanOf(const Reading& reading, const v1::Window& window,
                                  const Reading* before) {
  if (!IsKnown(window)) return std::nullopt;
  const MonotonicTime read_begin{reading.begin_ns}, read_end{reading.end_ns};
  TimeSpan end{.earliest = read_begin, .latest = read_end};
  if (!window.phase_known()) {
    end.earliest = read_begin - Rounded(window.period_s() * (1 + window.period_tolerance()));
    if (before != nullptr && reading.freshness == Freshness::kFresh) {
      end.earliest = std::max(end.earliest, MonotonicTime{before->begin_ns});
    } else if (before != nullptr && reading.freshness == Freshness::kRepeat) {
      end.latest = std::min(end.latest, MonotonicTime{before->end_ns});
    }
  }
  return SpanEndingIn(end, window);
}

double IndependentHz(double fresh_hz, uint32_t average) {
  return average <= 1 ? fresh_hz : fresh_hz / (2.0 * static_cast<double>(average) - 1.0);
}

double IndependentHz(const v1::Window& window) {
  return IsKnown(window) ? IndependentHz(1.0 / window.period_s(), window.average()) : 0;
}

}  // namespace synergy
