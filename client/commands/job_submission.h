// Sends a network with everything that it needs, and queues it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/board_link.h"
#include "client/commands/input_values.h"
#include "client/commands/job_interrupt.h"
#include "client/commands/model_source.h"
#include "client/commands/submission.h"
#include "client/store/store.h"

namespace synergy {

// How a network is measured.
struct JobOptions {
  std::string engine = "caffe2-openblas";
  uint32_t iterations = 50;
  uint32_t warmup = 5;
  uint32_t threads = 1;
  double rate_hz = 0;
  double idle_s = 2;
  std::optional<double> longest_pause_s = {};  // nothing: PauseFor the board
  double cool_below_c = 0;                     // 0: does not wait
  double cool_timeout_s = 0;
  double time_limit_s = 0;
  int32_t priority = 0;   // of the board's queue
  double precision = 0;   // 0: a number of iterations
  double max_time_s = 0;  // with a precision; 0: the board's
  std::vector<std::string> precision_rails = {};
  std::string loop = {};                         // an operator that is repeated; "": none
  double loop_s = 0;                             // 0: LoopTimeFor the board
  std::vector<std::string> events = {};          // that are counted of operators
  bool events_optional = false;                  // measures without what cannot be counted
  v1::ClockRequest clocks = {};                  // empty: as they are
  std::optional<v1::LoadChirp> load_chirp = {};  // for a meter on this host
};

// What runs, on what, and whether its outputs are wanted.
struct Job {
  LoadedModel loaded;
  InputValues inputs;
  bool keep_outputs = false;
  std::optional<uint32_t> looped = {};  // index of the operator that JobOptions::loop names
  std::set<std::string> files = {};     // that it was read from
};

// kUsage where the network needs more memory than the board has: `memory_bytes` of
// BoardInfo, 0: not known.
absl::Status FitsMemory(const Model& model, uint64_t memory_bytes);

// Whether `board` takes the job, before anything of it is sent: kUsage with the flag and what is
// possible, kRefused where the board itself cannot run anything.
absl::Status CheckJob(const JobOptions& options, const ModelOptions& net, const Job& job,
                      const v1::BoardInfo& board);

// Likewise of the board of `link`, which is asked whether it has the job's clocks.
absl::Status CheckJobOn(const JobOptions& options, const ModelOptions& net, const Job& job,
                        BoardLink& link);

// Uploads what the board does not have of the weights and input values, submits the job and enters
// its run (submission.h). Errors say how the command ends; Cancelled where the user interrupted
// before the job was queued. From the board's answer on an interrupt cancels the job. `token` as of
// SubmitAndEnter. A board that is lost meanwhile is looked for, and the job sent again under the
// same token, where the board takes care that it runs once.
absl::StatusOr<EnteredRun> SubmitJob(const JobOptions& options, const ModelOptions& net,
                                     const Job& job, Store& store, BoardLink& link,
                                     JobInterrupt& interrupt, const std::string& token = "");

}  // namespace synergy
