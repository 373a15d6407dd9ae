#include "daemon/sim/operator_table.h"

namespace synergy::sim {
namespace {

void AddShapes(const std::vector<BlobShape>& blobs,
               google::protobuf::RepeatedPtrField<v1::TensorShape>* shapes) {
  for (const BlobShape& blob : blobs) {
    v1::TensorShape* shape = shapes->Add();
    shape->set_blob(blob.blob);
    shape->mutable_dims()->Assign(blob.dims.begin(), blob.dims.end());
  }
}

}  // namespace

v1::OperatorTable OperatorTableOf(const Model& model) {
  v1::OperatorTable table;
  uint32_t index = 0;
  for (const Layer& layer : model.layers) {
    v1::OperatorInfo* info = table.add_operators();
    info->set_index(index++);
    info->set_name(layer.name);
    info->set_type(layer.type);
    AddShapes(layer.inputs, info->mutable_inputs());
    AddShapes(layer.outputs, info->mutable_outputs());
    info->set_has_cost(true);
    info->set_macs(layer.cost.macs);
    info->set_flops(layer.cost.flops);
    info->set_bytes_read(layer.cost.bytes_read);
    info->set_bytes_written(layer.cost.bytes_written);
    info->set_params(layer.cost.params);
    info->set_cost_source("synergy");
  }
  return table;
}

}  // namespace synergy::sim
