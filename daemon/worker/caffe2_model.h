// A job's network in a Caffe2 workspace: both nets, the weights and the inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caffe2/core/net.h"
#include "caffe2/core/workspace.h"
#include "common/tensor_pack.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

// What an engine inherits (common/worker_protocol.h); borrowed. Packs and outputs: -1 is none.
struct EngineFiles {
  int predict = -1;
  int init = -1;
  int weights = -1;
  int inputs = -1;
  int outputs = -1;
};

// The first three calls come once and in this order; the others after them. Errors say which blob,
// net or operator is at fault.
class Caffe2Model {
 public:
  using Notes = google::protobuf::RepeatedPtrField<v1::WorkerEvent::Note>;

  explicit Caffe2Model(const EngineFiles& files) : files_(files) {}

  // Reads and checks both nets and makes blobs of the weights, without a copy.
  absl::Status Read(const v1::WorkerCommand::Load& load);
  absl::Status RunInitNet();
  // Fills the inputs (tensor_blobs.h) before.
  absl::Status CreatePredictNet();

  const caffe2::NetDef& predict() const { return predict_; }
  // One operator after the other; otherwise Caffe2's workers run them.
  bool is_simple() const;
  caffe2::NetBase& net() { return *net_; }  // the predict net
  // What a reader of the run must know of what was loaded.
  const Notes& notes() const { return notes_; }

  // One inference. On an error failed_operator() is where it was, if Caffe2 says so.
  absl::Status Run();
  std::optional<uint32_t> failed_operator() const { return failed_operator_; }

  // After a Run: the operators before `op` once, so that its inputs are what an iteration gives it.
  absl::Status RunUpTo(uint32_t op);
  // Then `op` alone, at least once, for as long as `again` says so after each execution.
  absl::Status Repeat(uint32_t op, const std::function<bool()>& again);

  // The predict net's outputs, each once, as an iteration computes them that begins with the
  // inputs: where operators write to these, or one was repeated, the net runs once more. The
  // workspace's memory.
  absl::StatusOr<std::vector<TensorView>> Outputs();

 private:
  absl::Status ShareWeights();
  absl::Status CheckInputs();
  absl::Status FillInputs();
  absl::Status RestoreOutputs();
  absl::Status CheckOperator(uint32_t op) const;

  const EngineFiles files_;
  v1::WorkerCommand::Load load_;
  caffe2::NetDef predict_;
  caffe2::NetDef init_;
  Notes notes_;
  std::vector<std::string> overwritten_;  // inputs that operators write to
  bool repeated_ = false;                 // blobs are no longer what an iteration leaves
  MappedTensorPack weights_;              // blobs of the workspace are its memory
  caffe2::Workspace workspace_;
  caffe2::NetBase* net_ = nullptr;  // the workspace's
  std::optional<uint32_t> failed_operator_;
};

}  // namespace synergy
