// Any bytes as a user's predict net, and as the init net beside a good one: a model or an error,
// and what is read can be sent and counted.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "client/models/caffe2_net.h"
#include "client/models/memory.h"
#include "tests/client/models/small_nets.h"

namespace {

using synergy::Model;

void Check(const absl::StatusOr<Model>& model) {
  if (!model.ok()) {
    if (model.status().message().empty()) abort();
    return;
  }
  if (model->outputs.empty() || model->layers.empty()) abort();
  for (const synergy::TensorView& weight : model->weights) {
    uint64_t bytes = synergy::ElementSize(weight.type);
    for (int64_t dim : weight.dims) bytes *= static_cast<uint64_t>(dim);
    if (bytes != weight.bytes.size()) abort();
  }
  if (!synergy::SerializeNet(model->predict).ok()) abort();
  const auto memory = synergy::MeasureRunMemory(*model);
  if (memory.ok() && memory->total_bytes < 0) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string predict = synergy::SmallPredictNet().SerializeAsString();
  static const std::string init = synergy::SmallInitNet().SerializeAsString();
  const synergy::Caffe2NetOptions options = {"", {{"data", {1, 3, 8, 8}}}, "simple", 1};
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  Check(synergy::ReadCaffe2Model(bytes, init, options));
  Check(synergy::ReadCaffe2Model(predict, bytes, options));
  return 0;
}
