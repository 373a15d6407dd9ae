// Tensors of a pack (common/tensor_pack.h) as blobs of a Caffe2 workspace, and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caffe2/core/tensor.h"
#include "caffe2/core/workspace.h"
#include "common/tensor_pack.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// An element type as Caffe2 has it; nothing where there is none.
std::optional<caffe2::TypeMeta> Caffe2Type(v1::DataType type);
v1::DataType PackType(caffe2::TypeMeta type);  // UNSPECIFIED: packs do not have it

// Makes a blob of the view's name that is the view's memory, without a copy. Operators may write to
// it, so it must be writable (PackMapping::kCopyOnWrite) and outlive the workspace.
// Throws what Caffe2 throws.
void ShareTensor(const TensorView& view, caffe2::Workspace* workspace);

// The input's blob. The view's elements where there is a view, whose shape and type are the input's
// (CheckInputValues); otherwise standard normal values (seeded_normal.h) with the stream of input
// number `index`, or zeros where the type is no floating-point one. Throws what Caffe2 throws.
void FillInput(const v1::InputShape& input, const TensorView* view, uint64_t seed, size_t index,
               caffe2::Workspace* workspace);

// Whether every tensor of `values` belongs to an input and has its shape and type.
absl::Status CheckInputValues(const std::vector<TensorView>& values,
                              const google::protobuf::RepeatedPtrField<v1::InputShape>& inputs);

// A blob of the workspace as it is; it lives as long as the blob is not written to.
// InvalidArgument: it is no tensor in CPU memory, or of a type that packs do not have.
absl::StatusOr<TensorView> ViewBlob(const std::string& name, const caffe2::Workspace& workspace);

// Elements that are no numbers.
uint64_t CountNans(const TensorView& view);

// "NaN in 2 tensors: 3 of the 64 elements of 'conv1_w', 1 of the 8 of 'conv1_b'"; "" where there is
// none. Names a few tensors at most.
std::string DescribeNans(const std::vector<TensorView>& tensors);

}  // namespace synergy
