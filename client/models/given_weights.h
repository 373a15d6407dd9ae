// Weights that a Caffe2 file gives as values. Internal to client/models.
#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <deque>
#include <string>

#include "absl/status/statusor.h"
#include "common/tensor_pack.h"

namespace synergy {

// What weights point into. Elements that lie in the message as they lie in a tensor stay there; the
// others (int32 and bool of GivenTensor..Fill) are converted into `converted`.
struct WeightStorage {
  std::shared_ptr<caffe2::NetDef> net;
  std::shared_ptr<caffe2::TensorProtos> tensors;
  std::deque<std::string> converted;
};

// Whether the operator does nothing but hold values that can be sent.
bool HoldsValues(const caffe2::OperatorDef& op);

// The weight that `op` or `proto`, a part of `storage`, makes. InvalidArgument where the values do
// not fit the shape or the type; Unimplemented for a type that cannot be sent.
absl::StatusOr<TensorView> GivenWeight(const caffe2::OperatorDef& op, WeightStorage* storage);
absl::StatusOr<TensorView> GivenWeight(const caffe2::TensorProto& proto, WeightStorage* storage);

}  // namespace synergy
