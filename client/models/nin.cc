#include "client/models/conv_modules.h"
#include "client/models/networks.h"

// Lin, Chen and Yan 2014, the ImageNet model as the authors released it for Caffe ("cccp" are its
// cascaded cross-channel pools, which are 1x1 convolutions). There is no fully connected layer.
namespace synergy {

absl::StatusOr<Model> BuildNin(int64_t batch, uint64_t seed) {
  constexpr PoolSpec kPool = {.kernel = 3, .stride = 2, .ceil = true};
  NetBuilder net("nin", {batch, 3, 224, 224}, seed);

  Blob x = ConvRelu(net, "conv1", net.Input(), {.out = 96, .kernel = 11, .stride = 4});
  x = ConvRelu(net, "cccp1", x, {.out = 96});
  x = ConvRelu(net, "cccp2", x, {.out = 96});
  x = net.MaxPool("pool1", x, kPool);

  x = ConvRelu(net, "conv2", x, {.out = 256, .kernel = 5, .pad = 2});
  x = ConvRelu(net, "cccp3", x, {.out = 256});
  x = ConvRelu(net, "cccp4", x, {.out = 256});
  x = net.MaxPool("pool2", x, kPool);

  x = ConvRelu(net, "conv3", x, {.out = 384, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "cccp5", x, {.out = 384});
  x = ConvRelu(net, "cccp6", x, {.out = 384});
  x = net.Dropout("drop", net.MaxPool("pool3", x, kPool));

  x = ConvRelu(net, "conv4-1024", x, {.out = 1024, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "cccp7-1024", x, {.out = 1024});
  x = ConvRelu(net, "cccp8-1024", x, {.out = 1000});
  x = net.AveragePool("pool4", x, {.kernel = 6});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
