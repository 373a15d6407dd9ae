// ConvNet operators in plain double-precision loops, from their definitions: what the engines'
// results are compared with. NCHW, inference only.
#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace synergy {

struct Array {
  std::vector<int64_t> dims;
  std::vector<double> values;

  int64_t size() const { return static_cast<int64_t>(values.size()); }
};

// Output 0 of the operator; nullopt where its type is none of those that are defined here.
std::optional<Array> ReferenceOutput(const caffe2::OperatorDef& op,
                                     const std::vector<Array>& inputs);

}  // namespace synergy
