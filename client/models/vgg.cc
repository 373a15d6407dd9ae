#include <string>
#include <vector>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"
#include "fmt/format.h"

// Simonyan and Zisserman 2015, table 1, columns D and E; Chatfield et al. 2014, table 1, CNN-S.
// Names of the authors' Caffe models, with the Relu after its convolution.
namespace synergy {
namespace {

// 2x2 maximum pooling of what a Relu left raises the mean square by about this much; the layer
// after it takes it back, or five of them would drive the activations up.
constexpr double kGainAfterPool = kGainRelu / 2;

// fc6, fc7 and fc8 are the same in all of them.
absl::StatusOr<Model> Classify(NetBuilder& net, Blob x) {
  x = net.Relu("fc6_relu", net.Fc("fc6", x, {.out = 4096, .gain = kGainAfterPool}));
  x = net.Dropout("drop6", x);
  x = net.Relu("fc7_relu", net.Fc("fc7", x, {.out = 4096}));
  x = net.Dropout("drop7", x);
  x = net.Fc("fc8", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

// `depths`: 3x3 convolutions in each of the five stages, between which the maps are halved.
absl::StatusOr<Model> BuildVgg(std::string_view name, const std::vector<int>& depths, int64_t batch,
                               uint64_t seed) {
  constexpr int64_t kWidths[] = {64, 128, 256, 512, 512};
  NetBuilder net(name, {batch, 3, 224, 224}, seed);
  Blob x = net.Input();
  for (size_t stage = 0; stage < depths.size(); ++stage) {
    for (int i = 1; i <= depths[stage]; ++i) {
      const bool pooled = stage > 0 && i == 1;
      x = ConvRelu(net, fmt::format("conv{}_{}", stage + 1, i), x,
                   {.out = kWidths[stage],
                    .kernel = 3,
                    .pad = 1,
                    .gain = pooled ? kGainAfterPool : kGainRelu});
    }
    x = net.MaxPool(fmt::format("pool{}", stage + 1), x, {.kernel = 2, .stride = 2});
  }
  return Classify(net, x);
}

}  // namespace

absl::StatusOr<Model> BuildVgg16(int64_t batch, uint64_t seed) {
  return BuildVgg("vgg16", {2, 2, 3, 3, 3}, batch, seed);
}

absl::StatusOr<Model> BuildVgg19(int64_t batch, uint64_t seed) {
  return BuildVgg("vgg19", {2, 2, 4, 4, 4}, batch, seed);
}

absl::StatusOr<Model> BuildVggCnnS(int64_t batch, uint64_t seed) {
  NetBuilder net("vgg_cnn_s", {batch, 3, 224, 224}, seed);
  Blob x = ConvRelu(net, "conv1", net.Input(), {.out = 96, .kernel = 7, .stride = 2});
  x = net.Lrn("norm1", x, {.size = 5, .alpha = 5e-4, .beta = 0.75, .bias = 2.0});
  x = net.MaxPool("pool1", x, {.kernel = 3, .stride = 3, .ceil = true});
  x = ConvRelu(net, "conv2", x, {.out = 256, .kernel = 5});
  x = net.MaxPool("pool2", x, {.kernel = 2, .stride = 2, .ceil = true});
  x = ConvRelu(net, "conv3", x, {.out = 512, .kernel = 3, .pad = 1, .gain = kGainAfterPool});
  x = ConvRelu(net, "conv4", x, {.out = 512, .kernel = 3, .pad = 1});
  x = ConvRelu(net, "conv5", x, {.out = 512, .kernel = 3, .pad = 1});
  x = net.MaxPool("pool5", x, {.kernel = 3, .stride = 3, .ceil = true});
  return Classify(net, x);
}

}  // namespace synergy
