// How synergyctl ends, and which error leads to which end.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace synergy {

enum class ExitCode : int {
  kOk = 0,
  kFailedCheck = 1,   // done, and the result is not good: an INVALID run, a board that lacks
                      // something essential, output that cannot be written
  kUsage = 2,         // bad input: what is asked for does not exist or cannot be; nothing was done
  kNotReached = 3,    // no daemon there, or none that answers
  kRefused = 4,       // the daemon or the store says no; nothing was done
  kPartial = 5,       // what came is stored, but it is not all; a gate that is INCONCLUSIVE
  kInterrupted = 130  // SIGINT or SIGTERM
};

// `status` with the end that it leads to. The innermost one counts.
absl::Status Ending(ExitCode code, const absl::Status& status);

// The end that was given by Ending; without one kOk, kInterrupted (Cancelled) or kRefused.
ExitCode ExitCodeOf(const absl::Status& status);

// Errors of client/net: kNotReached where the daemon was not reached, kRefused otherwise.
absl::Status FromDevice(const absl::Status& status);

// "synergyctl: <message>" on stderr, where it can be written.
void PrintError(const absl::Status& status);
void PrintNote(const std::string& text);  // the same for what is no error

}  // namespace synergy
