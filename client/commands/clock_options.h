// The flags by which commands ask for clocks.
#pragma once

#include <CLI/CLI.hpp>

#include "synergy/v1/clocks.pb.h"

namespace synergy {

// Fills in `request` while the command line is parsed; values that are none are refused there.
// `cpu_flag` and `gpu_flag` name the flags of the frequencies.
void AddClockOptions(CLI::App& command, const char* cpu_flag, const char* gpu_flag,
                     v1::ClockRequest* request);

}  // namespace synergy
