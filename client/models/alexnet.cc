#include "client/models/net_builder.h"
#include "client/models/networks.h"

// Krizhevsky et al. 2012 as bvlc_alexnet of Caffe's model zoo has it: the paper's two GPUs as two
// groups.
namespace synergy {

absl::StatusOr<Model> BuildAlexNet(int64_t batch, uint64_t seed) {
  constexpr PoolSpec kPool = {.kernel = 3, .stride = 2, .ceil = true};
  NetBuilder net("alexnet", {batch, 3, 227, 227}, seed);

  Blob x = net.Conv("conv1", net.Input(), {.out = 96, .kernel = 11, .stride = 4});
  x = net.Relu("relu1", x);
  x = net.Lrn("norm1", x, {.size = 5, .alpha = 1e-4, .beta = 0.75});
  x = net.MaxPool("pool1", x, kPool);

  x = net.Conv("conv2", x, {.out = 256, .kernel = 5, .pad = 2, .group = 2});
  x = net.Relu("relu2", x);
  x = net.Lrn("norm2", x, {.size = 5, .alpha = 1e-4, .beta = 0.75});
  x = net.MaxPool("pool2", x, kPool);

  x = net.Relu("relu3", net.Conv("conv3", x, {.out = 384, .kernel = 3, .pad = 1}));
  x = net.Relu("relu4", net.Conv("conv4", x, {.out = 384, .kernel = 3, .pad = 1, .group = 2}));
  x = net.Relu("relu5", net.Conv("conv5", x, {.out = 256, .kernel = 3, .pad = 1, .group = 2}));
  x = net.MaxPool("pool5", x, kPool);

  x = net.Dropout("drop6", net.Relu("relu6", net.Fc("fc6", x, {.out = 4096})));
  x = net.Dropout("drop7", net.Relu("relu7", net.Fc("fc7", x, {.out = 4096})));
  x = net.Fc("fc8", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
