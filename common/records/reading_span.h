// Which span of time a reading integrates, from its stamps and its channel's Window. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "common/records/conversion_cycle.h"
#include "common/records/readings.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// Begin and end of the span, each as far as it is known.
struct ReadingSpan {
  TimeSpan begin;
  TimeSpan end;  // of the last conversion
};

// Of a recursive filter the span is that of the last conversions that hold this share of the
// reading's weight; all before them hold the rest.
inline constexpr double kSpanWeight = 0.95;
// How many that are: 1 where nothing is averaged.
int64_t ConversionsInSpan(uint32_t average);

// The last conversion ended at most one period (of the slowest clock that the window allows) before
// the read began, and before it ended. With the reading `before` it of the same channel, null for
// none, a fresh one ended after that began to be read, and a repeat ended before that was read.
// Nothing where the window is not known.
std::optional<ReadingSpan> SpanOf(const Reading& reading, const v1::Window& window,
                                  const Reading* before);
// Where it is known better when the last conversion ended (ConversionCycle::EndOfLastBefore).
std::optional<ReadingSpan> SpanEndingIn(TimeSpan end, const v1::Window& window);

// Readings a second that are independent of each other, where `fresh_hz` new conversions are read
// in a second: those of a recursive filter repeat most of what the ones before said. The filter
// new = old + (x - old) / N has the variance 1 / (2 N - 1) of its input's, as the mean of 2 N - 1.
double IndependentHz(double fresh_hz, uint32_t average);
// What a channel's window allows at most; 0: not known.
double IndependentHz(const v1::Window& window);

}  // namespace synergy
