#include "client/models/conv_modules.h"
#include "client/models/networks.h"

// Springenberg et al. 2015, table 2, All-CNN-C for CIFAR-10: convolutions of stride 2 in the place
// of pools. conv7 has no padding, as in mateuszbuda's Caffe model, whose names these are.
namespace synergy {

absl::StatusOr<Model> BuildAllCnnC(int64_t batch, uint64_t seed) {
  NetBuilder net("all_cnn_c", {batch, 3, 32, 32}, seed);
  Blob x = net.Dropout("drop1", net.Input());

  x = ConvRelu(net, "conv1", x, {.out = 96, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv2", x, {.out = 96, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv3", x, {.out = 96, .kernel = 3, .stride = 2, .pad = 1});
  x = net.Dropout("drop2", x);

  x = ConvRelu(net, "conv4", x, {.out = 192, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv5", x, {.out = 192, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv6", x, {.out = 192, .kernel = 3, .stride = 2, .pad = 1});
  x = net.Dropout("drop3", x);

  x = ConvRelu(net, "conv7", x, {.out = 192, .kernel = 3});
  x = ConvRelu(net, "conv8", x, {.out = 192});
  x = ConvRelu(net, "conv9", x, {.out = 10});
  x = net.GlobalAveragePool("pool", x);
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
