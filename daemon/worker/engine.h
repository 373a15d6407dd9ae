// What an engine does, apart from how it is asked for it (protocol_session.h). Free of Caffe2.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"
#include "synergy/v1/records.pb.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

// One job: Load once, then Run any number of times, all from one thread. After an error the engine
// is of no more use. Texts of errors are for the person who submitted the job.
class Engine {
 public:
  virtual ~Engine() = default;

  // The name after "synergy-worker-": "caffe2-openblas".
  virtual std::string name() const = 0;
  // What does the work: "Caffe2 of PyTorch 1.13.1, OpenBLAS 0.3.21".
  virtual std::string version() const = 0;
  // The most threads that Load will be asked for; 0: any number may be tried.
  virtual uint32_t max_threads() const = 0;

  virtual absl::StatusOr<v1::WorkerEvent::Loaded> Load(const v1::WorkerCommand::Load& load) = 0;

  // Runs the iterations, each after its pause. Calls `report` once in the engine's life: after the
  // first iteration if that is a warm-up, otherwise after the last iteration of the block.
  using Report = std::function<absl::Status(const v1::OperatorTable&)>;
  virtual absl::Status Run(const v1::WorkerCommand::Run& run, const Report& report) = 0;

  // Repeats an operator. After a Run.
  virtual absl::StatusOr<v1::WorkerEvent::LoopDone> Loop(const v1::WorkerCommand::Loop& loop) = 0;

  // Counts events of the operators of measured iterations from now on. After a Run, once. `fds`: as
  // the command says.
  virtual absl::StatusOr<v1::WorkerEvent::Counting> Count(const v1::WorkerCommand::Count& count,
                                                          std::vector<UniqueFd> fds) = 0;

  // Writes the predict net's outputs to the file that the engine was made with. After a Run.
  virtual absl::StatusOr<v1::WorkerEvent::OutputsWritten> WriteOutputs() = 0;

  // The operator of the predict net in which Run or Loop failed, if it was in one.
  virtual std::optional<uint32_t> failed_operator() const = 0;
};

}  // namespace synergy
