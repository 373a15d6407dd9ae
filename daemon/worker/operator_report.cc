#include "daemon/worker/operator_report.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "caffe2/core/operator_schema.h"
#include "caffe2/core/types.h"
#include "common/op_cost.h"
#include "common/op_spec.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// Of these Caffe2 has FLOPs, but no MACs. Where our formula refuses one, nothing is said: 0 would
// be wrong.
constexpr std::array<std::string_view, 9> kTypesWithMacs = {
    "Conv", "Conv1D",       "Conv2D", "Conv3D",     "ConvTranspose",
    "FC",   "FCTransposed", "MatMul", "BatchMatMul"};

void AddShapes(const std::vector<SeenTensor>& seen,
               const google::protobuf::RepeatedPtrField<std::string>& blobs,
               google::protobuf::RepeatedPtrField<v1::TensorShape>* shapes) {
  for (size_t i = 0; i < seen.size(); ++i) {
    v1::TensorShape* shape = shapes->Add();
    shape->set_blob(blobs.Get(static_cast<int>(i)));
    if (seen[i].known) shape->mutable_dims()->Assign(seen[i].dims.begin(), seen[i].dims.end());
  }
}

bool AllKnown(const std::vector<SeenTensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const SeenTensor& t) { return t.known; });
}

std::vector<OpTensor> AsOpTensors(const std::vector<SeenTensor>& seen) {
  std::vector<OpTensor> tensors;
  for (const SeenTensor& t : seen) {
    tensors.push_back({.dims = t.dims, .element_size = static_cast<int64_t>(t.type.itemsize())});
  }
  return tensors;
}

std::optional<OpCost> OwnCost(const caffe2::OperatorDef& def, const std::vector<SeenTensor>& inputs,
                              const std::vector<SeenTensor>& outputs) {
  OpSpec spec = OpSpecOf(def);
  spec.inputs = AsOpTensors(inputs);
  spec.outputs = AsOpTensors(outputs);
  absl::StatusOr<OpCost> cost = ComputeOpCost(spec);
  if (cost.ok()) return *cost;
  if (cost.status().code() != absl::StatusCode::kNotFound) {
    spdlog::warn("cost of operator '{}' ({}): {}", def.name(), def.type(),
                 cost.status().ToString());
  }
  return std::nullopt;
}

std::optional<caffe2::OpSchema::Cost> Caffe2Cost(const caffe2::OperatorDef& def,
                                                 const std::vector<SeenTensor>& inputs) {
  const caffe2::OpSchema* schema = caffe2::OpSchemaRegistry::Schema(def.type());
  if (schema == nullptr || !schema->HasCostInferenceFunction()) return std::nullopt;
  std::vector<caffe2::TensorShape> shapes;
  for (const SeenTensor& input : inputs) {
    caffe2::TensorShape& shape = shapes.emplace_back();
    shape.mutable_dims()->Assign(input.dims.begin(), input.dims.end());
    shape.set_data_type(caffe2::TypeMetaToDataType(input.type));
  }
  try {
    return schema->InferCost(def, shapes);
  } catch (const std::exception& e) {
    spdlog::debug("Caffe2 infers no cost of operator '{}' ({}): {}", def.name(), def.type(),
                  e.what());
    return std::nullopt;
  }
}

bool Agree(const caffe2::OpSchema::Cost& theirs, const OpCost& ours, size_t element_size) {
  const auto equal = [](uint64_t a, int64_t b) { return b >= 0 && a == static_cast<uint64_t>(b); };
  return equal(theirs.flops, ours.flops) && equal(theirs.bytes_read, ours.bytes_read) &&
         equal(theirs.bytes_written, ours.bytes_written) &&
         theirs.params_bytes == static_cast<uint64_t>(ours.params) * element_size;
}

void SetCost(const OpCost& cost, const char* source, v1::OperatorInfo* info) {
  info->set_has_cost(true);
  info->set_macs(cost.macs);
  info->set_flops(cost.flops);
  info->set_bytes_read(cost.bytes_read);
  info->set_bytes_written(cost.bytes_written);
  info->set_params(cost.params);
  info->set_cost_source(source);
}

void AddCost(const caffe2::OperatorDef& def, const std::vector<SeenTensor>& inputs,
             const std::vector<SeenTensor>& outputs, v1::OperatorInfo* info) {
  if (!AllKnown(inputs) || !AllKnown(outputs)) return;
  const size_t element_size = inputs.empty() ? sizeof(float) : inputs.back().type.itemsize();
  const std::optional<OpCost> ours = OwnCost(def, inputs, outputs);
  const std::optional<caffe2::OpSchema::Cost> theirs = Caffe2Cost(def, inputs);
  if (ours.has_value()) {
    const bool agree = theirs.has_value() && Agree(*theirs, *ours, element_size);
    SetCost(*ours, agree ? "caffe2" : "synergy", info);
    return;
  }
  const bool has_macs =
      std::find(kTypesWithMacs.begin(), kTypesWithMacs.end(), def.type()) != kTypesWithMacs.end();
  if (!theirs.has_value() || has_macs || element_size == 0) return;
  SetCost({.macs = 0,
           .flops = static_cast<int64_t>(theirs->flops),
           .bytes_read = static_cast<int64_t>(theirs->bytes_read),
           .bytes_written = static_cast<int64_t>(theirs->bytes_written),
           .params = static_cast<int64_t>(theirs->params_bytes / element_size)},
          "caffe2", info);
}

}  // namespace

v1::OperatorInfo DescribeOperator(uint32_t index, const caffe2::OperatorDef& def,
                                  const std::vector<SeenTensor>& inputs,
                                  const std::vector<SeenTensor>& outputs) {
  v1::OperatorInfo info;
  info.set_index(index);
  info.set_name(def.name());
  info.set_type(def.type());
  info.set_engine(def.engine());
  AddShapes(inputs, def.input(), info.mutable_inputs());
  AddShapes(outputs, def.output(), info.mutable_outputs());
  AddCost(def, inputs, outputs, &info);
  return info;
}

v1::OperatorTable DescribeOperators(const caffe2::NetDef& net, const NetHook& hook) {
  v1::OperatorTable table;
  for (const OperatorHook* op : hook.operators()) {
    *table.add_operators() = DescribeOperator(op->index(), net.op(static_cast<int>(op->index())),
                                              op->inputs(), op->outputs());
  }
  return table;
}

}  // namespace synergy
