// The flags by which commands ask for clocks.
#pragma once

#include <CLI/CLI.hpp>

#include "synergy/v1/clocks.pb.h"

namespace synergy {

// The flags of frequencies, which are called otherwise where a job asks.
struct ClockFlags {
  const char* cpu = "--cpu";
  const char* gpu = "--gpu";
  const char* memory = "--memory";
};
inline constexpr ClockFlags kJobClockFlags = {"--cpu-freq", "--gpu-freq", "--memory-freq"};

// Fills in `request` while the command line is parsed; values that are none are refused there.
void AddClockOptions(CLI::App& command, const ClockFlags& flags, v1::ClockRequest* request);

}  // namespace synergy
