// A whole run in virtual time: the simulated board with its sensors, the sampler and the recorder
// of the daemon, and an engine that is modelled. The same options give the same bytes, on the same
// build of the program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/model.h"
#include "daemon/power/simulated_faults.h"
#include "daemon/sim/operator_times.h"
#include "synergy/v1/device.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy::sim {

struct VirtualRunOptions {
  std::string board;  // "sim:jetson-tx1"
  uint64_t seed = 1;  // of the board, its sensors' noise, the operators' times and the pauses
  uint32_t iterations = 100;
  uint32_t warmup = 1;
  uint32_t threads = 1;
  double rate_hz = 0;                    // 0: the board's default
  double idle_s = 2;                     // before and after
  std::optional<uint32_t> looped = {};   // an operator that is repeated behind the iterations
  double loop_s = 2;                     // for at least so long
  double longest_pause_s = 2e-3;         // before each measured iteration: common/iteration_pause.h
  int64_t cpu_khz = 0;                   // of all cores; 0: each at its fastest
  bool slowest = false;                  // then: each at its slowest
  double energy_scale = 1;               // factor on the operators' dynamic power
  double jitter = kJitter;               // of the operators' durations: operator_times.h
  std::vector<std::string> events = {};  // that are counted: modelled_counts.h
  std::vector<SimulatedFault> faults = {};
};

struct VirtualRun {
  v1::RunEnd end;
  v1::RunTruth truth;
  double virtual_s = 0;
};

// Writes the records to the new file `path` and the truth (a serialised RunTruth) to PATH.truth.
// `batch`: that `model` was built with. InvalidArgument, NotFound or AlreadyExists: what is wrong
// with the options; others: the files cannot be written.
absl::StatusOr<VirtualRun> PlayVirtualRun(const VirtualRunOptions& options, const Model& model,
                                          uint32_t batch, const std::string& path);

}  // namespace synergy::sim
