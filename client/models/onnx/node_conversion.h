#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/models/onnx/caffe2_operator.h"
#include "client/models/onnx/net_assembly.h"
#include "client/models/onnx/onnx_constant.h"

namespace onnx {
class AttributeProto;
class NodeProto;
class TensorProto;
}  // namespace onnx

namespace synergy {

// One ONNX node on its way to Caffe2 operators: its inputs, attributes and outputs. The first
// refusal stays: later calls do nothing and return empty values, and `status` names the node, its
// type and the reason. So a row of the operator table is written without a check per line; it must
// check ok() before it indexes what it asked for.
class NodeConversion {
 public:
  // All borrowed for the object's life. `output_used` says of each output whether anybody reads it.
  NodeConversion(NetAssembly* net, const ::onnx::NodeProto& node, int64_t opset,
                 std::shared_ptr<const void> owner, std::vector<bool> output_used);

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  int64_t opset() const { return opset_; }
  const std::string& op_type() const;

  // Caffe2 cannot do this: Unimplemented.
  void Refuse(std::string_view reason);
  // The same, because input `i` is not known before the net runs; it becomes `unknown`.
  void RefuseUnknown(size_t i, std::string_view reason);
  // The value, by its name in the graph, that would have to be known; "" where none would help.
  const std::string& unknown() const { return unknown_; }
  // The node is not what ONNX allows: InvalidArgument.
  void Reject(std::string_view reason);

  size_t input_count() const;
  size_t output_count() const;
  bool HasInput(size_t i) const;
  bool WantsOutput(size_t i) const;
  NetValue Input(size_t i);
  // The input as Caffe2 wants it: rejected unless its type is one of `types`.
  NetValue Input(size_t i, const std::vector<v1::DataType>& types);
  NetValue FloatInput(size_t i) { return Input(i, {v1::DATA_TYPE_FLOAT32}); }
  // Numbers that must be known before the net runs; `what` is for the text ("shape").
  std::vector<int64_t> KnownIntegers(size_t i, std::string_view what);
  std::vector<double> KnownFloats(size_t i, std::string_view what);

  bool HasAttribute(std::string_view name) const;
  int64_t IntAttribute(std::string_view name, int64_t otherwise);
  double FloatAttribute(std::string_view name, double otherwise);
  std::string StringAttribute(std::string_view name, std::string_view otherwise);
  std::vector<int64_t> IntsAttribute(std::string_view name);
  std::vector<double> FloatsAttribute(std::string_view name);
  std::optional<OnnxConstant> TensorAttribute(std::string_view name);
  void IgnoreAttribute(std::string_view name);
  // Rejects the node where it has an attribute that nobody asked for.
  void CheckAttributes();

  // `axis` of a tensor of this rank, counted from the front. Rejected where there is none such.
  size_t Axis(int64_t axis, size_t rank);
  std::vector<size_t> Axes(const std::vector<int64_t>& axes, size_t rank);  // sorted

  // Adds an operator whose result is used inside this node.
  NetValue Emit(const Caffe2Operator& op, const std::vector<NetValue>& inputs);
  // Adds an operator whose outputs are the node's first `count` outputs; `more` outputs after
  // these are Caffe2's own.
  void EmitResult(const Caffe2Operator& op, const std::vector<NetValue>& inputs, size_t count = 1,
                  size_t more = 0);
  // Same as Emit, for operators with one more output of Caffe2's own.
  NetValue EmitWithExtra(const Caffe2Operator& op, const std::vector<NetValue>& inputs);
  // Output `i` is this value, with no operator in between.
  void Bind(size_t i, NetValue value);
  void BindConstant(size_t i, OnnxConstant constant);
  // A constant of this node's making. Refused where those of the whole graph outgrow 2 GiB.
  NetValue Constant(OnnxConstant constant);
  // One with the elements of another: it takes no memory of its own.
  NetValue SharedConstant(OnnxConstant constant);

 private:
  const ::onnx::AttributeProto* Find(std::string_view name, int type);
  std::string OutputName(size_t i) const;
  std::string InnerName();
  std::vector<NetValue> Add(const Caffe2Operator& op, const std::vector<NetValue>& inputs,
                            const std::vector<std::string>& outputs);
  void Fail(absl::StatusCode code, std::string_view reason);

  NetAssembly* net_;
  const ::onnx::NodeProto& node_;
  int64_t opset_;
  std::shared_ptr<const void> owner_;
  std::vector<bool> output_used_;
  std::set<std::string, std::less<>> attributes_read_;
  int inner_ = 0;
  absl::Status status_;
  std::string unknown_;
};

}  // namespace synergy
