// What a channel's window means for the shortest thing that can be told apart. Pure.
#pragma once

#include <optional>
#include <string>

#include "synergy/v1/board.pb.h"

namespace synergy {

// The time, in seconds, that a reading takes together: the conversion itself where it is known when
// that was, else the period in which it lies anywhere, of the slowest oscillator that the window
// allows; behind a filter new = old + (x - old) / N its time constant, N periods. Nothing: the
// window is not known.
std::optional<double> WindowLength(const v1::Window& window);

// The shortest operator that has a reading of its own, in seconds: the window (of a filter until it
// has followed a step to 1 %) and the time between two of `reads_hz` readings a second. Nothing:
// the window is not known, or nothing is read.
std::optional<double> ShortestResolved(const v1::ChannelInfo& channel, double reads_hz);

// Whether operators that are shorter than the window can be told apart all the same, by least
// squares over many iterations: where no filter mixes them, and it is known which time each reading
// is of, or can be found from the readings (common/attribution/rail_fit.h, counter_updates.h).
bool CanSeparate(const v1::ChannelInfo& channel);

// "1.93 ms", "2.5 s": as windows and operators' times are told to people.
std::string TimeText(double seconds);

}  // namespace synergy
