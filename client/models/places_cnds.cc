#include "client/models/conv_modules.h"
#include "client/models/networks.h"

// Wang et al. 2015, the net of 8 convolutions for the 205 scenes of Places, released as
// 8conv3fc_DSN. Its auxiliary classifier is for training only.
namespace synergy {

absl::StatusOr<Model> BuildPlacesCnds8s(int64_t batch, uint64_t seed) {
  constexpr PoolSpec kHalve = {.kernel = 2, .stride = 2, .ceil = true};
  NetBuilder net("places_cnds_8s", {batch, 3, 227, 227}, seed);

  Blob x = ConvRelu(net, "conv1", net.Input(), {.out = 64, .kernel = 7, .stride = 2});
  x = net.MaxPool("pool1", x, {.kernel = 3, .stride = 2, .ceil = true});
  x = ConvRelu(net, "conv2", x, {.out = 128, .kernel = 3, .pad = 1});
  x = net.MaxPool("pool2", x, kHalve);
  x = ConvRelu(net, "conv3_1", x, {.out = 256, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv3_2", x, {.out = 256, .kernel = 3, .pad = 1});
  x = net.MaxPool("pool3", x, kHalve);
  x = ConvRelu(net, "conv4_1", x, {.out = 512, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv4_2", x, {.out = 512, .kernel = 3, .pad = 1});
  x = net.MaxPool("pool4", x, kHalve);
  x = ConvRelu(net, "conv5_1", x, {.out = 512, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv5_2", x, {.out = 512, .kernel = 3, .pad = 1});
  x = net.MaxPool("pool5", x, kHalve);

  x = net.Dropout("drop6", net.Relu("fc6_relu", net.Fc("fc6", x, {.out = 4096})));
  x = net.Dropout("drop7", net.Relu("fc7_relu", net.Fc("fc7", x, {.out = 4096})));
  x = net.Fc("fc8", x, {.out = 205, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
