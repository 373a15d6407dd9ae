#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/models/layer_specs.h"
#include "client/models/model.h"

namespace synergy {

// A blob of the net under construction; empty after an error.
struct Blob {
  std::string name;
};

// Builds a Model layer by layer. Each call adds one operator named `layer` and fillers for its
// weights to the init net; whether it fits, its outputs' shapes and its cost are InferOperator's
// and ComputeOpCost's word (operator_shapes.h). The output blob has the layer's name, except where
// the operator works in place (Relu, Clip, Dropout: as the published Caffe2 models do). Inference
// only: Dropout and SpatialBN have is_test set. NCHW.
//
// The first error stays: later calls do nothing, and Build returns it with the layer's name. So a
// network is written without a check per line.
class NetBuilder {
 public:
  // `input` is {batch, channels, height, width}; the input blob is "data".
  NetBuilder(std::string_view name, const Dims& input, uint64_t seed);

  Blob Input() const;

  Blob Conv(std::string_view layer, const Blob& x, const ConvSpec& spec);
  Blob Fc(std::string_view layer, const Blob& x, const FcSpec& spec);
  Blob SpatialBn(std::string_view layer, const Blob& x, const BnSpec& spec = {});
  Blob Relu(std::string_view layer, const Blob& x);     // in place
  Blob Relu6(std::string_view layer, const Blob& x);    // in place: Clip to 0 to 6
  Blob Dropout(std::string_view layer, const Blob& x);  // in place
  Blob MaxPool(std::string_view layer, const Blob& x, const PoolSpec& spec);
  // Padding counts as zeros, in the sum and in the number of values, as the published models have
  // it.
  Blob AveragePool(std::string_view layer, const Blob& x, const PoolSpec& spec);
  Blob GlobalAveragePool(std::string_view layer, const Blob& x);
  Blob Lrn(std::string_view layer, const Blob& x, const LrnSpec& spec);
  Blob Concat(std::string_view layer, const std::vector<Blob>& x);  // along the channels
  // Equal parts of the channels, as blobs `layer`_0, `layer`_1 and so on. After an error as many
  // empty blobs as `parts` says.
  std::vector<Blob> Split(std::string_view layer, const Blob& x, size_t parts);
  // Deals the channels of `groups` groups out in turn (ShuffleNet).
  Blob ChannelShuffle(std::string_view layer, const Blob& x, int64_t groups);
  Blob Sum(std::string_view layer, const std::vector<Blob>& x);
  Blob Softmax(std::string_view layer, const Blob& x);

  // Ends the net with `output` as its result. Call once.
  absl::StatusOr<Model> Build(const Blob& output);

 private:
  // Remembers the first error.
  void Fail(std::string_view layer, const absl::Status& status);
  // Starts an operator; its inputs are `x`.
  static caffe2::OperatorDef Start(std::string_view type, std::string_view layer,
                                   const std::vector<Blob>& x);
  // The shape of `x`: none after an error, or when there is no such blob.
  std::optional<Dims> ShapeOf(std::string_view layer, const Blob& x);
  // The same of a batch of images; an error where `x` is none.
  std::optional<Dims> ImageShapeOf(std::string_view layer, const Blob& x);
  Blob Pool(std::string_view type, std::string_view layer, const Blob& x, const PoolSpec& spec);
  // Adds a weight: an external input of the predict net, made by `filler` in the init net.
  void AddWeight(caffe2::OperatorDef& op, const caffe2::OperatorDef& filler, const Dims& dims);
  // Adds the operator with these outputs. Returns the first.
  Blob Append(caffe2::OperatorDef op, const std::vector<std::string>& outputs);
  absl::Status TakeNames(const caffe2::OperatorDef& op);

  Model model_;
  absl::Status status_;
  std::map<std::string, BlobShape, std::less<>> blobs_;  // weights included
  std::set<std::string, std::less<>> layer_names_;
};

}  // namespace synergy
