#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/models/model.h"
#include "client/models/onnx/onnx_constant.h"

namespace synergy {

// What a name of the ONNX graph stands for. One with a constant becomes a blob of the net (a
// weight) only when an operator reads it.
struct NetValue {
  std::string blob;
  v1::DataType type = v1::DATA_TYPE_FLOAT32;
  std::vector<int64_t> dims;
  std::shared_ptr<const OnnxConstant> constant;

  size_t rank() const { return dims.size(); }
};

// The Caffe2 net that grows while an ONNX graph is read: values by name, operators, weights.
class NetAssembly {
 public:
  explicit NetAssembly(std::string name);

  // Names that blobs of the net's own making must not take.
  void Reserve(const std::string& name) { taken_.insert(name); }
  std::string FreshName(const std::string& base);

  // InvalidArgument: the name is taken by another value.
  absl::Status Define(const std::string& name, NetValue value);
  const NetValue* Find(const std::string& name) const;

  // Counts the memory that a computed constant takes; false where all of them take more than any
  // ONNX file has (2 GiB): a small file must not fill the memory.
  bool Charge(const OnnxConstant& constant);

  absl::Status AddInput(const std::string& name, v1::DataType type, std::vector<int64_t> dims);
  // Adds an operator with these output blobs and computes what they are.
  absl::StatusOr<std::vector<NetValue>> AddOperator(caffe2::OperatorDef op,
                                                    const std::vector<NetValue>& inputs,
                                                    const std::vector<std::string>& outputs);
  // The value is an output of the net under this name; it is copied where an operator does not
  // write it by that name.
  absl::Status AddOutput(const std::string& name);

  // The whole. Call once.
  absl::StatusOr<Model> Finish();

 private:
  void AddWeight(const NetValue& value);

  Model model_;
  std::map<std::string, NetValue> values_;
  std::set<std::string> taken_;
  std::set<std::string> weights_;
  std::set<std::string> written_;  // blobs that an operator writes
  std::set<std::string> operator_names_;
  std::shared_ptr<std::vector<std::shared_ptr<const OnnxConstant>>> owners_;
  uint64_t computed_bytes_ = 0;
};

}  // namespace synergy
