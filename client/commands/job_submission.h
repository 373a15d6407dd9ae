// Sends a network with everything that it needs, and queues it.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "client/commands/input_values.h"
#include "client/commands/model_source.h"
#include "client/net/device_client.h"

namespace synergy {

// How a network is measured.
struct JobOptions {
  std::string engine = "caffe2-openblas";
  uint32_t iterations = 50;
  uint32_t warmup = 5;
  uint32_t threads = 1;
  double rate_hz = 0;
  double time_limit_s = 0;
};

// What runs, on what, and whether its outputs are wanted.
struct Job {
  LoadedModel loaded;
  InputValues inputs;
  bool keep_outputs = false;
};

// kUsage where the network needs more memory than the board has: `memory_bytes` of
// BoardInfo, 0: not known.
absl::Status FitsMemory(const Model& model, uint64_t memory_bytes);

// Uploads what the board does not have of the weights and input values, then submits. Errors say
// how the command ends; Cancelled where `stop` was requested before the job was queued.
absl::StatusOr<v1::JobStatus> SubmitJob(const JobOptions& options, const ModelOptions& net,
                                        const Job& job, DeviceClient& client, std::stop_token stop);

}  // namespace synergy
