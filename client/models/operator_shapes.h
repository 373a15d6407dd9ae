#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/models/model.h"

// What a Caffe2 operator makes of its inputs, said before anything runs: one table with a row for
// every operator type that the engines are built with. A net that passes runs, or fails for want of
// memory. Pure.
namespace synergy {

// Values of integer blobs that are known before anything runs (a shape that the init net holds), by
// blob. Some operators' outputs have shapes that depend on values.
using KnownInts = std::map<std::string, std::vector<int64_t>, std::less<>>;

// Operator types of the table, in alphabetical order.
std::vector<std::string> KnownOperatorTypes();

// Shapes and element types of all outputs, in the operator's order, computed as Caffe2 computes
// them. `inputs` has a shape per input of `op`. NotFound: the engines lack the type (with the
// nearest known one). InvalidArgument: inputs or arguments do not fit. Unimplemented: an argument
// or element type that Caffe2's operator takes but the engines are not sure to run, or a shape that
// depends on values which `known` has not. An output that Caffe2 leaves empty (the mask of a
// Dropout in inference) has the shape {0}.
absl::StatusOr<std::vector<BlobShape>> InferOperator(const caffe2::OperatorDef& op,
                                                     const std::vector<BlobShape>& inputs,
                                                     const KnownInts& known = {});

// No negative dimension, and no more elements than Caffe2's operators can index (they use int).
// InvalidArgument with the shape.
absl::Status CheckBlobSize(const std::vector<int64_t>& dims);

// The layer that ComputeOpCost, InferOperator and the names of `op` make.
absl::StatusOr<Layer> MakeLayer(const caffe2::OperatorDef& op, const std::vector<BlobShape>& inputs,
                                const KnownInts& known = {});

// `total`, `macs_by_type` and the activation bytes of a model, from its inputs and layers.
// OutOfRange when a sum does not fit in 64 bits.
absl::Status SumUpLayers(Model* model);

// Fills in `layers`, `total`, `macs_by_type` and the activation bytes of a model whose nets,
// inputs, outputs and weights are set. Checks the whole graph: every blob is an input, a weight, or
// written before it is read (the first dangling or cyclic one is named with its operator), every
// weight has a shape (from its filler or `weights`), every output exists, no blob is larger than
// Caffe2 can index. Errors name the operator's position, name and type.
absl::Status CompleteModel(Model* model);

}  // namespace synergy
