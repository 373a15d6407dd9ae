#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/op_cost.h"
#include "common/tensor_pack.h"

// A network ready to be sent to an engine, with what is known of it before it runs. Plain data.
namespace synergy {

using Dims = std::vector<int64_t>;  // the outermost first

struct BlobShape {
  std::string blob;
  Dims dims;
  v1::DataType type = v1::DATA_TYPE_FLOAT32;
};

// One operator of the predict net.
struct Layer {
  std::string name;                // the paper's module name, also OperatorDef.name
  std::string type;                // Caffe2's
  std::vector<BlobShape> inputs;   // weights included
  std::vector<BlobShape> outputs;  // the same blob as an input: in place
  OpCost cost;
};

struct Model {
  std::string name;
  // Filled by whoever runs the net; neither a filler nor `weights` makes them. Networks of the zoo
  // have one, NCHW with the batch.
  std::vector<BlobShape> inputs;
  std::vector<std::string> outputs;  // blobs; one in networks of the zoo
  uint64_t seed = 0;                 // of seeded weights

  caffe2::NetDef predict;  // external inputs: the inputs, then the weights
  caffe2::NetDef init;     // fillers that make weights; external outputs: these
  // Weights that no filler makes, in memory that `weights_owner` keeps.
  std::vector<TensorView> weights;
  std::shared_ptr<const void> weights_owner;
  std::vector<Layer> layers;  // as predict.op(), in its order
  // For people, a line each: what was changed when the model was read, weights that are not finite.
  std::vector<std::string> notes;

  OpCost total;                                 // of all layers
  std::map<std::string, int64_t> macs_by_type;  // types without MACs are left out
  int64_t activation_bytes = 0;       // input and all outputs together: what Caffe2 keeps allocated
  int64_t peak_activation_bytes = 0;  // the most that is alive at one operator
};

// The net's bytes: the same for the same net, always. ResourceExhausted where they would not fit in
// protobuf's 2 GiB.
absl::StatusOr<std::string> SerializeNet(const caffe2::NetDef& net);
// The same as protobuf's text, for people.
std::string NetText(const caffe2::NetDef& net);

}  // namespace synergy
