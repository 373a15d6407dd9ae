// The load pattern that a device plays before and after a job, by which a meter with a clock of its
// own is brought onto the device's: what a seed says, for the device that plays it and whoever asks
// for it.
//
// Half of the chips are busy, the first and the last among them. The instants at which the load
// changes are moved by up to a quarter of a chip: else a meter whose sampling period divides a
// chip's length would see all of them at the same place between two samples.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

inline constexpr uint32_t kFewestChips = 16;
inline constexpr uint32_t kMostChips = 4096;
// Shorter ones drown in wake-up times, and supplies smooth them away.
inline constexpr double kShortestChipS = 1e-3;
// One that takes longer measures nothing more and heats the board.
inline constexpr double kLongestChirpS = 10;

// InvalidArgument with what is wrong and what is allowed.
absl::Status ValidateChirpUntrusted(const v1::LoadChirp& chirp);

// The instants at which the load goes on, off, on, ..., off, from the pattern's begin; the first is
// 0. Of a valid chirp. The same on every machine.
std::vector<Nanoseconds> ChirpEdges(const v1::LoadChirp& chirp);

Nanoseconds ChirpDuration(const v1::LoadChirp& chirp);

}  // namespace synergy
