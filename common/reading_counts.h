// Whether the rails of a run were read often enough in its measured phase: judged by the device
// when a run ends, and by the host for runs that no device has judged. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/run_codes.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Readings of a rail's power in the measured phase.
struct ReadingCount {
  std::string rail;
  uint64_t readings = 0;
  std::optional<double> window_s = {};  // that a reading takes together; nothing: not known
  uint64_t repeats = 0;    // readings that surely show a conversion that was read before
  bool separates = false;  // operators that are shorter than the window, too: CanSeparate
};

struct CountFault {
  v1::Verdict verdict = v1::VERDICT_SUSPECT;
  ReasonCode code = ReasonCode::kFewReadings;
  std::string words;
};

// RunHeader.clock of a run that was imported: no device has judged it.
inline constexpr std::string_view kImportedClock = "imported";

// Fewest of a rail, where nobody has moved the limit (docs/verdict.md).
inline constexpr double kFewestReadings = 10;

// INVALID where no rail was read at all. `operators`: of the network, each of which is an unknown;
// as many readings of new conversions are needed.
std::vector<CountFault> JudgeCounts(std::span<const ReadingCount> rails, size_t operators,
                                    double fewest = kFewestReadings);

}  // namespace synergy
