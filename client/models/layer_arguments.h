#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include "absl/status/status.h"
#include "client/models/layer_specs.h"
#include "client/models/model.h"

// The arguments of the Caffe2 operators that layers of a published table become. Whether they suit
// the input is InferOperator's word. Pure.
namespace synergy {

// InvalidArgument where a size is below 1, a pad below 0, or one is beyond 32767, far from any
// layer: weights' shapes can be computed from a spec that passed.
absl::Status AddArguments(const ConvSpec& spec, caffe2::OperatorDef* op);

// `in`: the shape of the input, images. Where the spec rounds up the window that hangs over the end
// becomes padding at bottom and right, since Caffe2 rounds down. Errors: as above.
absl::Status AddArguments(const PoolSpec& spec, const Dims& in, caffe2::OperatorDef* op);

void AddArguments(const LrnSpec& spec, caffe2::OperatorDef* op);

}  // namespace synergy
